"""A tiny Stable Diffusion 1, 2 or XL, or FLUX network, in one file under the names of its first authors' code, not written by diffusers."""

import re

import torch
from safetensors.torch import save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


_OPEN_CLIP = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def write_single_file(pipeline, path, prefix="model.diffusion_model.", open_clip=False):
    """The UNet (one layer a block), the autoencoder and the text encoders of a pipeline of SD 1, of SD 2 (open_clip) or of SDXL."""
    unet = {prefix + unet_name(name, pipeline.unet): value for name, value in pipeline.unet.state_dict().items()}
    vae = dict(vae_tensor(name, value) for name, value in pipeline.vae.state_dict().items())
    first = pipeline.text_encoder.state_dict()
    if hasattr(pipeline, "text_encoder_2"):
        second = open_clip_tensors(pipeline.text_encoder_2.state_dict())
        texts = {f"conditioner.embedders.0.transformer.{text_name(name)}": value for name, value in first.items()}
        texts |= {f"conditioner.embedders.1.model.{name}": value for name, value in second.items()}
    elif open_clip:
        texts = {f"cond_stage_model.model.{name}": value for name, value in open_clip_tensors(first).items()}
    else:
        texts = {f"cond_stage_model.transformer.{text_name(name)}": value for name, value in first.items()}
    tensors = {**unet, **{f"first_stage_model.{name}": value for name, value in vae.items()}, **texts}
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)


def text_name(name):
    """Newer versions of transformers leave a level out."""
    return name if name.startswith("text_model.") else f"text_model.{name}"


def open_clip_tensors(state):
    """OpenCLIP's text tower: queries, keys and values in one matrix, the projection the other way round."""
    tensors, attention = {}, {}
    for name, value in state.items():
        name = name.removeprefix("text_model.")
        if name == "text_projection.weight":
            tensors["text_projection"] = value.T
        elif name in _OPEN_CLIP:
            tensors[_OPEN_CLIP[name]] = value
        elif found := re.match(r"encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)", name):
            layer, letter, end = found.groups()
            attention.setdefault(f"transformer.resblocks.{layer}.attn.in_proj_{end}", {})[letter] = value
        else:
            layer, part, end = re.fullmatch(r"encoder\.layers\.(\d+)\.(.*)\.(weight|bias)", name).groups()
            tensors[f"transformer.resblocks.{layer}.{_OPEN_CLIP_LAYER[part]}.{end}"] = value
    return tensors | {name: torch.cat([parts[letter] for letter in "qkv"]) for name, parts in attention.items()}


def unet_name(name, unet):
    each = unet.config.layers_per_block + 1
    for ours, theirs in _ENDS.items():
        if name.startswith(f"{ours}."):
            return name.replace(ours, theirs, 1)
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        kind, index, rest = found.groups()
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(index)}.{_inner(kind, rest)}"
    side, block, kind, index, rest = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name).groups()
    block, index = int(block), int(index)
    if kind == "downsamplers":
        return f"input_blocks.{each * (block + 1)}.0.{rest.replace('conv', 'op', 1)}"
    if kind == "upsamplers":
        place = 2 if "CrossAttn" in unet.config.up_block_types[block] else 1
        return f"output_blocks.{each * block + each - 1}.{place}.{rest}"
    place = f"input_blocks.{each * block + index + 1}" if side == "down" else f"output_blocks.{each * block + index}"
    return f"{place}.{int(kind == 'attentions')}.{_inner(kind, rest)}"


def _inner(kind, rest):
    if kind == "attentions":
        return rest
    part, _, end = rest.rpartition(".")
    return f"{_RESNET[part]}.{end}"


def vae_tensor(name, value):
    side, _, rest = name.partition(".")
    if side not in ("encoder", "decoder"):
        return name, value
    rest = rest.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", rest):
        kind, index, inner = found.groups()
        if kind == "resnets":
            return f"{side}.mid.block_{int(index) + 1}.{inner}", value
        part, _, end = inner.rpartition(".")
        linear = end == "weight" and part != "group_norm"
        return f"{side}.mid.attn_1.{_ATTENTION[part]}.{end}", value[:, :, None, None] if linear else value
    if found := re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", rest):
        way, block, kind, index, inner = found.groups()
        level = int(block) if way == "down" else 1 - int(block)  # two levels, the decoder's counted from the finest
        inner = f"block.{index}.{inner}" if kind == "resnets" else f"{way}sample.{inner}"
        return f"{side}.{way}.{level}.{inner}", value
    return f"{side}.{rest}", value


_FLUX = {
    "x_embedder": "img_in",
    "context_embedder": "txt_in",
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "proj_out": "final_layer.linear",
}
_FLUX_DOUBLE = {
    "norm1.linear": "img_mod.lin",
    "norm1_context.linear": "txt_mod.lin",
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    "ff.net.0.proj": "img_mlp.0",
    "ff.net.2": "img_mlp.2",
    "ff_context.net.0.proj": "txt_mlp.0",
    "ff_context.net.2": "txt_mlp.2",
}
_FLUX_SCALES = {
    "double_blocks.0.img_attn.norm.query_norm": "transformer_blocks.0.attn.norm_q",
    "double_blocks.0.img_attn.norm.key_norm": "transformer_blocks.0.attn.norm_k",
    "double_blocks.0.txt_attn.norm.query_norm": "transformer_blocks.0.attn.norm_added_q",
    "double_blocks.0.txt_attn.norm.key_norm": "transformer_blocks.0.attn.norm_added_k",
    "single_blocks.0.norm.query_norm": "single_transformer_blocks.0.attn.norm_q",
    "single_blocks.0.norm.key_norm": "single_transformer_blocks.0.attn.norm_k",
}


def write_bare_flux(transformer, path):
    """A FLUX.1 network of one double and one single block, alone, as its maker publishes it."""
    state = transformer.state_dict()
    tensors = {f"{theirs}.scale": state[f"{ours}.weight"] for theirs, ours in _FLUX_SCALES.items()}
    for end in ("weight", "bias"):
        double = {f"transformer_blocks.0.{ours}": f"double_blocks.0.{theirs}" for ours, theirs in _FLUX_DOUBLE.items()}
        single = {"single_transformer_blocks.0.norm.linear": "single_blocks.0.modulation.lin"}
        single |= {"single_transformer_blocks.0.proj_out": "single_blocks.0.linear2"}
        tensors |= {f"{theirs}.{end}": state[f"{ours}.{end}"] for ours, theirs in (_FLUX | double | single).items()}
        block, one = "transformer_blocks.0.attn", "single_transformer_blocks.0"
        rows = {
            "double_blocks.0.img_attn.qkv": [f"{block}.to_{letter}" for letter in "qkv"],
            "double_blocks.0.txt_attn.qkv": [f"{block}.add_{letter}_proj" for letter in "qkv"],
            "single_blocks.0.linear1": [*(f"{one}.attn.to_{letter}" for letter in "qkv"), f"{one}.proj_mlp"],
        }
        tensors |= {f"{theirs}.{end}": torch.cat([state[f"{name}.{end}"] for name in ours]) for theirs, ours in rows.items()}
        scale, shift = state[f"norm_out.linear.{end}"].chunk(2)
        tensors[f"final_layer.adaLN_modulation.1.{end}"] = torch.cat((shift, scale))
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
