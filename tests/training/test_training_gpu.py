"""What makes training fast on a GPU changes no result: on the CPU where it can be tried there, else on CUDA."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from draws import seeds

import tl_course as tl
from tl_course import environment
from tl_course.training import optim
from tl_course.training.ready_run import place
from tl_course.training.run import autocast
from tl_course.training.workers import Workers

SMALL = ["resnet_small", "vgg_small"]
FEW = {"steps": 2, "batch_size": 4}
"""Half precision takes long on a CPU that does not have it."""
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@pytest.fixture(scope="module")
def task():
    return tl.data.load("mnist_m", train_per_class=8, test=40)


def model_of(name: str, seed: int = 0) -> torch.nn.Module:
    return tl.models.create(name, num_classes=10, seed=seed)


def trained(model, task, seed: int = 0, **options):
    settings = {"steps": 6, "batch_size": 16, "lr": 1e-3, "seed": seed, "progress": False} | options
    return tl.training.fit(model, task, **settings)


def logits_after(model, task, **options) -> torch.Tensor:
    return trained(model, task, **options).logits()


# --- memory format ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("name", [pytest.param("resnet_small", marks=pytest.mark.integration), "vgg_small"])
def test_channels_last_computes_the_same_step(name, seed):
    """In double precision: in single, BatchNorm makes some gradients so small that rounding is all there is."""
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    labels = torch.arange(8)
    gradients = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        model = model_of(name, seed).double().to(memory_format=memory_format).train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # of dropout
            loss = F.cross_entropy(model(images.to(memory_format=memory_format)), labels)
        loss.backward()
        gradients.append([loss.detach(), *(parameter.grad for parameter in model.parameters())])
    for plain, last in zip(*gradients, strict=True):
        assert plain.shape == last.shape
        torch.testing.assert_close(last, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_place_puts_what_sees_images_into_channels_last_and_keeps_the_weights(task, precision):
    environment.setup(device="cpu", precision=precision, quiet=True)
    features = replace(task, kind="features")
    for kind, given in (("image", task), ("features", features)):
        model = model_of("vgg_small")
        before = copy.deepcopy(model.state_dict())
        place(model, given, None, Workers(torch.device("cpu")))
        assert model.features[0].weight.is_contiguous(memory_format=torch.channels_last) == (kind == "image")
        assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


@pytest.mark.integration
def test_a_model_stays_frozen_to_the_last_bit_in_bf16_and_channels_last(task):
    environment.setup(device="cpu", precision="bf16", quiet=True)
    model = model_of("resnet_small")
    report = tl.models.freeze(model, except_head=True)
    trained(model, task, **FEW)
    report.check(model)


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("name", SMALL)
def test_bf16_stays_near_fp32(name, task):
    answers = {}
    for precision in ("fp32", "bf16"):
        environment.setup(device="cpu", precision=precision, quiet=True)
        answers[precision] = logits_after(model_of(name), task, lr=1e-4, **FEW)
        assert answers[precision].dtype == torch.float32
    size = answers["fp32"].abs().max()
    assert (answers["bf16"] - answers["fp32"]).abs().max() < 0.1 * size
    assert not torch.equal(answers["bf16"], answers["fp32"])


# --- the optimiser ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_the_fused_optimiser_takes_the_steps_of_the_foreach_one(name, seed):
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(16, 5, generator=draw)
    ends = []
    for kind in ("fused", "foreach"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
        optimizer = optim.make_optimizer(name, optim.parameter_groups(layers, lr=0.05), 0.01)
        assert optimizer.defaults["fused"] is True
        if kind == "foreach":
            for group in optimizer.param_groups:
                group.update(fused=None, foreach=True)
        for number in range(20):
            optim.set_rates(optimizer, 1 - number / 20)
            optimizer.zero_grad()
            layers(inputs).square().mean().backward()
            optimizer.step()
        ends.append([parameter.detach() for parameter in layers.parameters()])
    for fused, foreach in zip(*ends, strict=True):
        torch.testing.assert_close(fused, foreach, rtol=1e-4, atol=1e-6)


# --- torch.compile ------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("backend", ["eager", pytest.param("aot_eager", marks=pytest.mark.full)])
def test_a_compiled_model_trains_to_the_same_weights(task, backend):
    plain, compiled = model_of("vgg_small"), model_of("vgg_small")
    compiled.compile(backend=backend)
    torch._dynamo.utils.counters.clear()
    runs = [trained(model, task, evaluate_every=3) for model in (plain, compiled)]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0, "nothing was compiled"
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for one, other in zip(plain.state_dict().values(), compiled.state_dict().values(), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(runs[1].logits(), runs[0].logits(), rtol=1e-3, atol=1e-4)


# --- on a GPU -----------------------------------------------------------------------------------------------------


@pytest.mark.cuda
@CUDA
@pytest.mark.parametrize("name", SMALL)
def test_a_gpu_trains_as_the_cpu_does(name, task):
    ends = []
    for device in ("cpu", "cuda"):
        environment.setup(device=device, precision="fp32", quiet=True)
        ends.append(logits_after(model_of(name), task, lr=1e-4, **FEW))
    torch.testing.assert_close(ends[1], ends[0], rtol=0.05, atol=0.05)


@pytest.mark.cuda
@CUDA
def test_a_gpu_runs_bf16_channels_last_fused_on_resident_data(task):
    environment.setup(device="cuda", precision="bf16", quiet=True)
    seen = []

    def loss(model, batch):
        seen.append((batch.inputs.device.type, batch.labels.device.type, model(batch.inputs).dtype))
        return tl.losses.cross_entropy(model, batch)

    model = model_of("vgg_small")
    run = trained(model, task, loss=loss)
    assert set(seen) == {("cuda", "cuda", torch.bfloat16)}
    assert model.features[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model.features[0].weight.dtype == torch.float32
    assert run.metrics["train_loss"] < 3
    with autocast(torch.device("cuda")):
        assert model(torch.zeros(1, 3, 32, 32, device="cuda")).dtype == torch.bfloat16


@pytest.mark.cuda
@CUDA
def test_a_model_compiled_for_a_gpu_trains_to_nearly_the_same(task):
    environment.setup(device="cuda", precision="fp32", quiet=True)
    ends = []
    for compiled in (False, True):
        model = model_of("resnet_small")
        if compiled:
            model.compile()
        ends.append(logits_after(model, task, lr=1e-4))
    torch.testing.assert_close(ends[1], ends[0], rtol=0.05, atol=0.05)
