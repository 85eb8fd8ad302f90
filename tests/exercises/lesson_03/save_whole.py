"""Answers to ``save_whole`` as learners write them: right ones in other ways, wrong ones by name."""

import io

import torch


def _part_by_part(model, file):
    content = dict(model.named_parameters()) | dict(model.named_buffers())
    torch.save({name: part.detach().clone() for name, part in content.items()}, file)


def _through_memory(model, file):
    memory = io.BytesIO()
    torch.save(model.state_dict(), memory)
    file.write(memory.getvalue())


def _in_halves(model, file):
    torch.save({name: part.to(torch.bfloat16).to(part.dtype) for name, part in model.state_dict().items()}, file)


def _rounds_the_model(model, file):
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.half())
    torch.save(model.state_dict(), file)


def _zeros(model, file):
    torch.save({name: torch.zeros_like(part) for name, part in model.state_dict().items()}, file)


RIGHT = [_part_by_part, _through_memory]

WRONG = {
    "nothing written": lambda model, file: model.state_dict(),
    "the model pickled": lambda model, file: torch.save({"model": model}, file),
    "parameters only": lambda model, file: torch.save({"model": model.state_dict()}, file),
    "model changed": _rounds_the_model,
    "rounded": _in_halves,
}

NO_ANSWERS = [_zeros]
"""Wrong answers that have no name: they must not pass."""
