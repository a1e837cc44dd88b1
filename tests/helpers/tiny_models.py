"""Untrained models of a few thousand parameters in the layout, and of the classes, of every family: what the latent priors load."""

import json
from functools import cache
from pathlib import Path

import diffusers
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
)

WORDS = "abcdefghijklmnopqrstuvwxyz ,."
XL_UNET = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 64}
VP = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def autoencoder(channels=4, shift=None, scaling=0.18215):
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        sample_size=32,
        scaling_factor=scaling,
        shift_factor=shift,
        force_upcast=False,
    )


def unet(width=16, context=16, **changes):
    sizes = {
        "sample_size": 16,
        "block_out_channels": (width, 2 * width),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": context,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    }
    return diffusers.UNet2DConditionModel(**sizes | changes)


def clip(width=16, projection=None):
    kind = CLIPTextModel if projection is None else CLIPTextModelWithProjection
    return kind(
        CLIPTextConfig(
            hidden_size=width,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            vocab_size=64,
            max_position_embeddings=20,
            projection_dim=projection or 16,
            bos_token_id=0,
            eos_token_id=1,
        )
    )


def clip_tokenizer(folder):
    letters = ["<|startoftext|>", "<|endoftext|>", *WORDS.replace(" ", ""), *(f"{letter}</w>" for letter in WORDS.replace(" ", ""))]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=20)


def t5(width=16):
    sizes = {"d_model": width, "d_ff": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2}
    return T5EncoderModel(T5Config(vocab_size=64, **sizes))


def letters_tokenizer(**special):
    """A tokenizer of single characters: what stands in for T5's and Qwen's."""
    vocabulary = {token: index for index, token in enumerate(["<pad>", "</s>", "<unk>", "<bos>", *WORDS, ":", "\n"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=24, **special
    )


def stable_diffusion(folder, prediction="epsilon"):
    torch.manual_seed(1)
    scheduler = diffusers.DDIMScheduler(**VP, prediction_type=prediction, clip_sample=False, steps_offset=1)
    parts = {"vae": autoencoder(), "unet": unet(), "text_encoder": clip(), "tokenizer": clip_tokenizer(folder / "made")}
    none = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return diffusers.StableDiffusionPipeline(scheduler=scheduler, **parts, **none)


def stable_diffusion_v(folder):
    return stable_diffusion(folder, "v_prediction")


def turbo(folder):
    pipeline = stable_diffusion(folder)
    pipeline.scheduler = diffusers.EulerDiscreteScheduler(**VP, prediction_type="epsilon", timestep_spacing="trailing")
    return pipeline


def xl(folder):
    torch.manual_seed(2)
    network = unet(context=32, **XL_UNET)
    tokenizers = {"tokenizer": clip_tokenizer(folder / "one"), "tokenizer_2": clip_tokenizer(folder / "two")}
    texts = {"text_encoder": clip(), "text_encoder_2": clip(projection=16)}
    scheduler = diffusers.EulerDiscreteScheduler(**VP)
    return diffusers.StableDiffusionXLPipeline(
        vae=autoencoder(scaling=0.13025), unet=network, scheduler=scheduler, **texts, **tokenizers, add_watermarker=False
    )


def sd3(folder):
    torch.manual_seed(3)
    network = diffusers.SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
        out_channels=4,
        pos_embed_max_size=24,
    )
    names = ("tokenizer", "tokenizer_2")
    tokenizers = {name: clip_tokenizer(folder / name) for name in names}
    texts = {"text_encoder": clip(projection=16), "text_encoder_2": clip(projection=16), "text_encoder_3": t5(32)}
    return diffusers.StableDiffusion3Pipeline(
        transformer=network,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=autoencoder(shift=0.0609, scaling=1.5305),
        tokenizer_3=letters_tokenizer(),
        **texts,
        **tokenizers,
    )


def flux(folder, distilled=True):
    torch.manual_seed(4)
    network = diffusers.FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        guidance_embeds=distilled,
        axes_dims_rope=(4, 6, 6),
    )
    return diffusers.FluxPipeline(
        transformer=network,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=autoencoder(shift=0.1159, scaling=0.3611),
        text_encoder=clip(),
        tokenizer=clip_tokenizer(folder / "made"),
        text_encoder_2=t5(),
        tokenizer_2=letters_tokenizer(),
    )


def schnell(folder):
    return flux(folder, distilled=False)


def flux2(folder):
    """FLUX.2 klein: the network and the autoencoder of FLUX.2, the text encoder a Qwen3 of 28 layers."""
    torch.manual_seed(5)
    network = diffusers.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    vae = diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=32,
    )
    vae.bn.running_mean.uniform_(-0.5, 0.5)
    vae.bn.running_var.uniform_(0.5, 2.0)
    text = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=64,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=28,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
    )
    template = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    return diffusers.Flux2KleinPipeline(
        transformer=network,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae,
        text_encoder=text,
        tokenizer=letters_tokenizer(chat_template=template),
    )


FAMILIES = {
    "sd15": stable_diffusion,
    "sd21": stable_diffusion_v,
    "sd-turbo": turbo,
    "sdxl": xl,
    "sd3": sd3,
    "flux-dev": flux,
    "flux-schnell": schnell,
    "flux2": flux2,
}


def save_family(name: str, folder: Path) -> Path:
    """The folder of a family's tiny model, saved as its maker would."""
    pipeline = FAMILIES[name](folder / f"{name}-tokenizers")
    pipeline.save_pretrained(folder / name, safe_serialization=True)
    return folder / name


@cache
def quiet():
    """The models' loading says nothing in a test's output."""
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
