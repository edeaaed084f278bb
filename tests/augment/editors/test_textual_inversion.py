"""One vector is learned, nothing else changes, and the file is the one that diffusers reads."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline
from safetensors.torch import load

from aga_lightning.augment.editors.textual_inversion import TextualInversion, check_invertible
from aga_lightning.augment.painters.pipelines import load_pipeline
from aga_lightning.augment.pretrained import PretrainedError

TEXTS = ["a photo of a <water_ouzel>", "the <Water_Ouzel>, <water_ouzel> and an ouzel"]


@pytest.fixture
def pipeline(sd1):
    pipeline = load_pipeline(sd1, torch.float32)
    for model in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        model.requires_grad_(False)
    return pipeline


def batches(count):
    generator = torch.Generator().manual_seed(1)
    return [(torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1, TEXTS) for _ in range(count)]


def trained(word, lessons):
    optimizer = word.configure_optimizers()
    for batch in lessons:
        optimizer.zero_grad()
        word.training_step(batch).backward()
        optimizer.step()
    return word


def weights_of(pipeline):
    models = {name: model for name, model in pipeline.components.items() if isinstance(model, torch.nn.Module)}
    assert set(models) == {"unet", "vae", "text_encoder"}
    return {
        f"{name}.{key}": value.clone() for name, model in models.items() for key, value in model.state_dict().items()
    }


def test_nothing_changes_but_the_word(pipeline):
    before, table = weights_of(pipeline), pipeline.text_encoder.get_input_embeddings()
    size = len(pipeline.tokenizer)
    word = TextualInversion(pipeline, "<water_ouzel>", "a", learning_rate=0.1, weight_decay=0.5)
    start = word.vector.detach().clone()
    trained(word, batches(3))
    assert [name for name, _ in word.named_parameters()] == ["vector"]
    assert (word.vector != start).all()
    after = weights_of(pipeline)
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    assert pipeline.text_encoder.get_input_embeddings() is table
    assert len(pipeline.tokenizer) == size


def test_it_starts_as_the_word_it_is_told(pipeline):
    word = TextualInversion(pipeline, "<water_ouzel>", "a")
    like = TextualInversion(pipeline, "<other>", "a")
    assert torch.equal(word.encode(["a <water_ouzel>"]), like.encode(["a a"]))


def test_it_is_the_published_way_in_which_the_whole_table_is_trained_and_the_other_rows_are_put_back(pipeline, sd1):
    word = trained(
        TextualInversion(pipeline, "<water_ouzel>", "a", learning_rate=0.1, weight_decay=0.3, seed=5), batches(3)
    )

    other = StableDiffusionPipeline.from_pretrained(sd1, safety_checker=None)
    other.tokenizer.add_tokens("<water_ouzel>")
    encoder, unet, vae = other.text_encoder, other.unet.requires_grad_(False), other.vae.requires_grad_(False)
    encoder.resize_token_embeddings(515)
    table = encoder.get_input_embeddings().weight
    table.data[514] = table.data[other.tokenizer.encode("a", add_special_tokens=False)[0]]
    kept = table.detach().clone()
    schedule = DDPMScheduler.from_config(other.scheduler.config)
    draws = torch.Generator().manual_seed(5)
    optimizer = torch.optim.AdamW([table], lr=0.1, weight_decay=0.3)
    for images, texts in batches(3):
        latents = vae.encode(images).latent_dist.sample(draws) * 0.18215
        noise = torch.randn(latents.shape, generator=draws)
        timesteps = torch.randint(0, 1000, (2,), generator=draws)
        told = encoder(other.tokenizer(texts, padding="max_length", return_tensors="pt").input_ids).last_hidden_state
        seen = unet(schedule.add_noise(latents, noise, timesteps), timesteps, told).sample
        optimizer.zero_grad()
        (seen - noise).square().mean().backward()
        optimizer.step()
        table.data[:514] = kept[:514]
    torch.testing.assert_close(word.vector, table[514])


def test_diffusers_reads_the_file_and_encodes_texts_alike(pipeline, sd1, tmp_path):
    word = trained(TextualInversion(pipeline, "<water_ouzel>", "a", learning_rate=0.1), batches(2))
    (tmp_path / "word.safetensors").write_bytes(word.file())
    assert load(word.file()).keys() == {"<water_ouzel>"}
    reader = StableDiffusionPipeline.from_pretrained(sd1, safety_checker=None)
    untaught, _ = reader.encode_prompt(TEXTS, "cpu", 1, False)
    reader.load_textual_inversion(str(tmp_path / "word.safetensors"))
    taught, _ = reader.encode_prompt(TEXTS, "cpu", 1, False)
    with torch.no_grad():
        torch.testing.assert_close(word.encode(TEXTS), taught)
    assert not torch.allclose(taught, untaught)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_the_loss_is_that_of_the_models_own_prediction(pipeline, predicts, monkeypatch):
    word = TextualInversion(pipeline, "<water_ouzel>", "a")
    word.schedule = DDPMScheduler.from_config(word.schedule.config, prediction_type=predicts)
    monkeypatch.setattr(pipeline.unet, "forward", lambda noisy, *_: SimpleNamespace(sample=torch.zeros_like(noisy)))
    latents, noise = torch.full((2, 4, 8, 8), 2.0), torch.full((2, 4, 8, 8), -3.0)
    timesteps = torch.tensor([0, 700])
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2  # "scaled linear"
    kept = torch.cumprod(1 - betas, 0)[timesteps]
    velocities = kept.sqrt() * -3.0 - (1 - kept).sqrt() * 2.0
    expected = 9.0 if predicts == "epsilon" else velocities.square().mean().item()
    assert word.loss(latents, noise, timesteps, TEXTS).item() == pytest.approx(expected, rel=1e-4)


def test_words_that_cannot_be_are_refused(pipeline):
    with pytest.raises(PretrainedError, match="takes 'ouzel' for 5 words: give an initializer that is one"):
        TextualInversion(pipeline, "<water_ouzel>", "ouzel")
    with pytest.raises(PretrainedError, match="has the word a</w> already: give the class another name"):
        TextualInversion(pipeline, "a</w>", "a")


def test_pipelines_that_cannot_learn_are_refused():
    whole = {"unet": object(), "text_encoder": object(), "vae": AutoencoderKL}
    check_invertible(SimpleNamespace(components=whole))
    for change in ({"unet": None}, {"text_encoder": None}, {"text_encoder_2": object()}):
        with pytest.raises(PretrainedError, match="give weights of Stable Diffusion 1 or 2"):
            check_invertible(SimpleNamespace(components=whole | change))
