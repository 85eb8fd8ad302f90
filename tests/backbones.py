"""Small networks by name, as transformers and timm save them, made without a network."""

import json
from pathlib import Path

import torch
from torch import nn

from tl_course.models.encoders import quiet_transformers
from tl_course.models.heads import seeded

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "a", "film", "dull", "fine", "it", "was", "not"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
DEBERTA = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
ENCODERS = {
    "bert": {},
    "roberta": {"pad_token_id": 1},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "electra": {"embedding_size": 8},
    "deberta": DEBERTA,
    "deberta-v2": DEBERTA | {"position_buckets": 8, "norm_rel_ebd": "layer_norm", "position_biased_input": False},
    "mpnet": {"pad_token_id": 1},
    "albert": {"embedding_size": 8},
    "camembert": {"pad_token_id": 1},
    "data2vec-text": {"pad_token_id": 1},
    "ernie": {},
    "megatron-bert": {},
    "mobilebert": {"embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    "modernbert": {"global_attn_every_n_layers": 2, "local_attention": 8, "bos_token_id": 2, "eos_token_id": 3,
                   "cls_token_id": 2, "sep_token_id": 3},
    "rembert": {"input_embedding_size": 8, "output_embedding_size": 8, "bos_token_id": 2, "eos_token_id": 3},
    "roberta-prelayernorm": {"pad_token_id": 1},
    "xlm-roberta": {"pad_token_id": 1},
    "xlm-roberta-xl": {"pad_token_id": 1},
}  # fmt: skip


def settings(kind: str, **others) -> dict:
    """The settings of a tiny encoder with 40 positions."""
    sizes = {"vocab_size": len(WORDS), "max_position_embeddings": 40, "pad_token_id": 0}
    return SIZES | sizes | ENCODERS.get(kind, {}) | {"model_type": kind} | others


def tokenizer():
    from transformers import BertTokenizer

    return BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)}, model_max_length=40)


def encoder(kind: str, seed: int = 0, auto: str = "AutoModel", **others) -> nn.Module:
    """One of transformers' own networks with random weights."""
    import transformers

    config = transformers.AutoConfig.for_model(**settings(kind, **others))
    with seeded(seed):
        return getattr(transformers, auto).from_config(config).eval()


def save_encoder(folder: Path, kind: str = "bert", seed: int = 0, auto: str = "AutoModel", **others) -> nn.Module:
    """Save network and tokenizer as transformers does, and return the network."""
    model = encoder(kind, seed, auto, **others)
    with quiet_transformers():
        model.save_pretrained(folder)
        tokenizer().save_pretrained(folder)
    return model


def save_timm(folder: Path, name: str = "test_resnet", seed: int = 0, **options) -> nn.Module:
    """Save a network as timm does, and return it."""
    import timm
    from timm.models import save_for_hf

    with seeded(seed):
        model = timm.create_model(name, pretrained=False, **options).eval()
        # fresh BatchNorm statistics and layer scales of 0 would hide what is mixed up
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point() and tensor.ndim == 1:
                tensor.data.uniform_(0.5, 1.5)
    save_for_hf(model, folder, safe_serialization=True)
    return model


def in_cache(cache: Path, repo: str, source: Path, card: str = "") -> Path:
    """Lay a saved network into a cache as the hub's client does, and return its folder there."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    kept = cache / f"models--{repo.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text(commit)
    folder = kept / "snapshots" / commit
    folder.mkdir(parents=True)
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    if card:
        (folder / "README.md").write_text(card)
    return folder


def change(file: Path, **values) -> None:
    """Change settings in a JSON file."""
    file.write_text(json.dumps((json.loads(file.read_text()) if file.exists() else {}) | values))


def pictures(size: int, count: int = 2, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), generator=draw).to(torch.uint8)
