"""Encoders of texts by name, from the Hugging Face hub or a folder, with a linear head on the mean of their tokens.

transformers has a head of its own for each architecture, and most put a new, random layer before the classes. Here the
head is a single linear layer on the mean of the last hidden states, for every architecture: so a linear probe looks at
what was learned before, and at nothing random.

A folder is data: its settings choose sizes, never code, and its weights are read from safetensors alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tl_course.assets import hub
from tl_course.data.preprocess import TextPreprocess, refuse_own_code
from tl_course.models.heads import masked_mean, seeded
from tl_course.models.tensors import TensorsDoNotFitError

# Attention that PyTorch has itself. transformers takes other names, too, and downloads and runs a kernel for some.
ATTENTIONS = ("eager", "sdpa")
# Architectures that read a text in both directions and give one state for each token, of which padding changes none.
# Each is tried by tests/models/test_encoders.py; ConvBERT, say, is none of them: its convolutions see the padding.
ENCODERS = (
    "albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra", "ernie",
    "megatron-bert", "mobilebert", "modernbert", "mpnet", "rembert", "roberta", "roberta-prelayernorm",
    "xlm-roberta", "xlm-roberta-xl",
)  # fmt: skip
KINDS = {
    "ForCausalLM": "a language model that reads from left to right",
    "LMHeadModel": "a language model that reads from left to right",
    "ForConditionalGeneration": "a network that writes texts",
    "ForObjectDetection": "a network that finds objects in images",
    "ForImageClassification": "a network for images",
}
# Settings that name code, kernels, or how somebody else kept the numbers; none is a size.
NOT_SIZES = ("auto_map", "quantization_config", "attn_implementation", "experts_implementation", "reference_compile",
             "dtype", "torch_dtype", "architectures")  # fmt: skip
POSITIONS = ("position_ids", "token_type_ids", "relative_position")
SURELY_NO_LIMIT = 1_000_000  # transformers writes 10^30 for a tokenizer that has none


class TextClassifier(nn.Module):
    """An encoder with one linear head on the mean of its last hidden states.

    Parameters
    ----------
    backbone : transformers model
        Gives ``last_hidden_state`` N×L×D.
    num_classes : int
    """

    base_model_prefix = "backbone"

    def __init__(self, backbone: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.config = backbone.config
        self.config.num_labels = self.num_labels = num_classes
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(backbone.config.hidden_size, num_classes)
        nn.init.normal_(self.classifier.weight, std=getattr(self.config, "initializer_range", 0.02))
        nn.init.zeros_(self.classifier.bias)

    @property
    def base_model(self) -> nn.Module:
        """The encoder."""
        return self.backbone

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Turn token ids and mask, both int64 N×L, into logits N×C."""
        states = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.classifier(self.dropout(masked_mean(states, attention_mask)))


def create(
    folder: Path, title: str, *, pretrained: bool, num_classes: int, seed: int
) -> tuple[TextClassifier, TextPreprocess]:
    """Make an encoder from a folder as transformers writes it: config.json, tokenizer, and safetensors if pretrained.

    Raises
    ------
    ValueError
        When it is no encoder, has no tokenizer, or asks for code to be run.
    TensorsDoNotFitError
        When its weights are those of another network.
    """
    config = settings_of(folder / "config.json", title)
    _config(config)
    tokenizer = tokenizer_of(folder, title)
    with seeded(seed), quiet_transformers():
        if pretrained:
            model = TextClassifier(_without_pooler(_loaded(folder, title, config)), num_classes)
        else:
            model = build(config, num_classes)
    model.config._name_or_path = ""  # where it lay on this machine is of no use elsewhere
    rows = model.backbone.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise ValueError(
            f"the tokenizer of {title} has {len(tokenizer):,} tokens and the network knows {rows:,}; give a folder in "
            "which both belong together."
        )
    most = min(most_tokens(model), tokenizer.model_max_length)
    return model, TextPreprocess(tokenizer, min(128, most))


def build(config: dict[str, Any], num_classes: int) -> TextClassifier:
    """Build an encoder with random weights from its settings, which may come from somebody else's file.

    Raises
    ------
    ValueError
        When they are those of no encoder, or ask for an attention that is not PyTorch's.
    """
    return TextClassifier(_without_pooler(_random(_config(config))), num_classes)


def settings_of(file: Path, title: str) -> dict[str, Any]:
    """Read config.json, and refuse what cannot be fine-tuned on texts here.

    Raises
    ------
    ValueError
        When the file is damaged, names code to run, or is that of no encoder.
    """
    refuse_own_code(file.parent)
    config = read_settings(file)
    kind = config.get("model_type")
    made = [name for name in config.get("architectures") or () if isinstance(name, str)]
    what = next((told for end, told in KINDS.items() for name in made if name.endswith(end)), None)
    if config.get("is_decoder") or config.get("is_encoder_decoder"):
        what = what or "a network that writes texts"
    if kind not in ENCODERS or config.get("is_decoder") or config.get("is_encoder_decoder"):
        raise ValueError(
            f"{title} is {what or 'no encoder of texts that is known here'} ({kind}); take an encoder, such as one of "
            "BERT, RoBERTa, DistilBERT, ELECTRA, DeBERTa or MPNet, and for images a network of timm."
        )
    if config.get("quantization_config"):
        raise ValueError(
            f"the weights of {title} are quantised and cannot be trained; take the network that they are of."
        )
    return config


def read_settings(file: Path) -> dict[str, Any]:
    """Read a file of settings by name.

    Raises
    ------
    ValueError
        When it is not there or damaged.
    """
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{file.parent} has no config.json; give a folder that a network was saved into.") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is damaged ({error}); save or fetch the network again.") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{file} is damaged (no settings by name); save or fetch the network again.")
    return settings


def tokenizer_missing(folder: Path) -> str:
    """Name what a folder lacks for a tokenizer; an empty str where it has one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tokenizer_missing(Path(folder))
    'tokenizer.json'
    """
    there = {path.name for path in folder.iterdir()}
    return "" if there & {"tokenizer.json", "vocab.txt"} or {"vocab.json", "merges.txt"} <= there else "tokenizer.json"


def tokenizer_of(folder: Path, title: str) -> Any:
    """Load the tokenizer of a folder: from tokenizer.json, or made from an older vocabulary; no code is run.

    Raises
    ------
    ValueError
        When there is none that can be read, or it cannot fill up short texts.
    """
    from transformers import AutoTokenizer

    if tokenizer_missing(folder):
        raise ValueError(
            f"{title} has no tokenizer here (no tokenizer.json, vocab.txt or vocab.json with merges.txt); save it into "
            "the same folder with tokenizer.save_pretrained."
        )
    refuse_own_code(folder)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # each class of transformers has errors of its own, and Rust's are bare Exceptions
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(
            f"the tokenizer of {title} cannot be read ({first}); save it again as tokenizer.json."
        ) from None
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        lack = "a token to fill up short texts with" if tokenizer.is_fast else "the form tokenizer.json"
        raise ValueError(f"the tokenizer of {title} has not {lack}; take an encoder whose tokenizer has it.")
    if not isinstance(tokenizer.model_max_length, (int, float)):
        raise ValueError(f"the tokenizer of {title} names no number as its most tokens; save it again.")
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    return tokenizer


def most_tokens(model: nn.Module) -> int:
    """Return how many tokens an encoder reads at most.

    A RoBERTa's or MPNet's table of positions begins after that of the padding: 514 rows are 512 tokens.

    >>> model = build({"model_type": "roberta", "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1,
    ...     "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 34}, 2)
    >>> most_tokens(model)
    32
    """
    table = next(
        (part for name, part in model.named_modules() if name.endswith("embeddings.position_embeddings")), None
    )
    if isinstance(table, nn.Embedding):
        return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
    most = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    return most if isinstance(most, int) and most > 0 else SURELY_NO_LIMIT


def check_attention(attention: Any) -> None:
    """Raise ValueError for an attention that is not PyTorch's own."""
    if attention is not None and attention not in ATTENTIONS:
        raise ValueError(
            f"these settings ask for the attention {attention!r}, which may be code from elsewhere; allowed are "
            f"{' and '.join(ATTENTIONS)}, or leave attn_implementation out."
        )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from reporting at length what is expected, and from showing bars of its own."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def _config(config: dict[str, Any]) -> Any:
    kind = config.get("model_type")
    if kind not in ENCODERS:
        raise ValueError(f"these settings are for {kind}, which is no encoder that is known here; save it again.")
    for key in ("attn_implementation", "_attn_implementation"):
        check_attention(config.get(key))
    sizes = {key: value for key, value in config.items() if key not in NOT_SIZES and not key.startswith("_")}
    attention = config.get("attn_implementation") or config.get("_attn_implementation")
    settings = for_model(sizes | ({"attn_implementation": attention} if attention else {}))
    check_attention(settings._attn_implementation)
    return settings


def for_model(sizes: dict[str, Any]) -> Any:
    """Return transformers' settings object of plain settings.

    Raises
    ------
    ValueError
        When a value is impossible; transformers' own errors of that kind have no common class.

    >>> for_model({"model_type": "bert", "vocab_size": "many"})
    Traceback (most recent call last):
    ValueError: these settings of bert are not possible (Validation error for field 'vocab_size'); save it again.
    """
    import transformers

    try:
        return transformers.AutoConfig.for_model(**sizes)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
        kind = sizes.get("model_type")
        raise ValueError(f"these settings of {kind} are not possible ({first}); save it again.") from None


def _random(settings: Any) -> nn.Module:
    import transformers

    try:
        with quiet_transformers():
            model = transformers.AutoModel.from_config(settings, dtype=torch.float32, trust_remote_code=False)
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError, ZeroDivisionError) as error:
        what = f"these settings of {settings.model_type} are not possible"
        raise ValueError(f"{what} ({error}); save it again.") from None
    check_attention(model.config._attn_implementation)
    return model


def _loaded(folder: Path, title: str, config: dict[str, Any]) -> nn.Module:
    """Load an encoder without its heads; a layer that the file has and the settings have not is an error, too."""
    import transformers

    if (folder / "adapter_config.json").is_file():
        raise ValueError(
            f"{title} holds an adapter, which is no whole network; merge it into its network and save that."
        )
    hub.refuse_pickles((path.name for path in folder.iterdir()), title)
    if still := hub.weights_missing(folder):
        raise ValueError(f"{title} has no {still}; save or fetch it again, or pass --weights none for random weights.")
    settings = _config(config)
    with torch.device("meta"):  # takes no memory, however large the settings say that the network is
        shape = _random(settings)
    needed = sum(p.numel() for p in shape.parameters())
    held = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    if needed > held:  # one byte a number is the least
        raise TensorsDoNotFitError(
            f"the settings of {title} are for {needed:,} numbers, and its weights are fewer; fetch or save it again."
        )
    try:
        model, report = transformers.AutoModel.from_pretrained(
            folder,
            config=settings,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (OSError, RuntimeError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(f"the weights of {title} cannot be read ({first}); fetch or save it again.") from None
    except Exception as error:  # safetensors' own error is a bare Exception
        raise ValueError(f"the weights of {title} are damaged ({error}); fetch or save it again.") from None
    tops = tuple(f"{part}{name}." for part in ("", f"{model.base_model_prefix}.") for name, _ in model.named_children())
    found = {
        "missing": {n for n in report["missing_keys"] if "pooler" not in n},
        "unexpected": {
            n
            for n in report["unexpected_keys"]
            if n.startswith(tops) and "pooler" not in n and not n.endswith(POSITIONS)
        },
        "of another shape": {mismatch[0] for mismatch in report["mismatched_keys"]},
    }
    told = "; ".join(f"{what}: {', '.join(sorted(names)[:5])}" for what, names in found.items() if names)
    if told:
        raise TensorsDoNotFitError(f"the weights of {title} do not fit its settings: {told}.")
    return model


def _without_pooler(backbone: nn.Module) -> nn.Module:
    """Take out a pooler, which the mean of the tokens does without: it would be counted, saved, and never trained."""
    if isinstance(getattr(backbone, "pooler", None), nn.Module):
        backbone.pooler = None
    if isinstance(getattr(backbone, "pooler_activation", None), nn.Module):  # ALBERT's
        backbone.pooler_activation = None
    return backbone
