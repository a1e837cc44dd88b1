"""Which weight files each metric of pyiqa 0.1.16 reads, and under which name the manifest lists each."""

import re
from collections.abc import Callable
from pathlib import Path

from ttpo_cli.errors import WeightsError

# An entry's name -> its verified file, or the folder of a hub snapshot; fetched first where that is allowed. Raises WeightsError.
FindWeights = Callable[[str], Path]

_FACE = ("detection_Resnet50_Final.pth", "parsing_parsenet.pth")
_ALEX, _VGG, _B32, _L14 = "alexnet-owt-7be5be79.pth", "vgg16-397923af.pth", "ViT-B-32.pt", "ViT-L-14.pt"

# Metric -> its files; the first is its own, for which --metric-weights may give another.
FILES: dict[str, tuple[str, ...]] = {
    "afine_all": ("afine.pth", _B32),
    "afine_all_scale": ("afine.pth", _B32),
    "afine_fr": ("afine.pth", _B32),
    "afine_nr": ("afine.pth", _B32),
    "ahiq": ("AHIQ_vit_p8_epoch33-da3ea303.pth",),
    "arniqa": ("regressor_koniq10k.pth", "ARNIQA.pth"),
    "arniqa-clive": ("regressor_clive.pth", "ARNIQA.pth"),
    "arniqa-csiq": ("regressor_csiq.pth", "ARNIQA.pth"),
    "arniqa-flive": ("regressor_flive.pth", "ARNIQA.pth"),
    "arniqa-kadid": ("regressor_kadid10k.pth", "ARNIQA.pth"),
    "arniqa-live": ("regressor_live.pth", "ARNIQA.pth"),
    "arniqa-spaq": ("regressor_spaq.pth", "ARNIQA.pth"),
    "arniqa-tid": ("regressor_tid2013.pth", "ARNIQA.pth"),
    "brisque": ("brisque_svm_weights.pth",),
    "brisque_matlab": ("brisque_matlab.mat",),
    "ckdn": ("CKDN_model_best-38b27dc6.pth", "resnet50-19c8e357.pth"),
    "clipiqa": ("RN50.pt",),
    "clipiqa+": ("CLIP-IQA+_learned_prompts-603f3273.pth", "RN50.pt"),
    "clipiqa+_rn50_512": ("CLIPIQA+_RN50_512-89f5d940.pth", "RN50.pt"),
    "clipiqa+_vitL14_512": ("CLIPIQA+_ViTL14_512-e66488f2.pth", _L14),
    "cnniqa": ("CNNIQA_koniq10k-e6f14c91.pth",),
    "dbcnn": ("DBCNN_KonIQ10k-2de81c0a.pth", "DBCNN_scnn-7ea73d75.pth"),
    "deepdc": ("vgg19-dcbb9e9d.pth",),
    "dists": ("DISTS_weights-f5e65c96.pth", _VGG),
    "dmm": (_VGG,),
    "fgresq": ("FGResQ.pth", "FGResQ_Degradation.pth"),
    "hyperiqa": ("HyperIQA-resnet50-koniq10k-c96c41b1.pth",),
    "ilniqe": ("ILNIQE_templateModel.mat",),
    "laion_aes": ("sac+logos+ava1-l14-linearMSE.pth", _L14),
    "liqe": ("liqe_koniq.pt", _B32),
    "liqe_mix": ("liqe_mix.pt", _B32),
    "lpips": ("LPIPS_v0.1_alex-df73285e.pth", _ALEX),
    "lpips+": ("LPIPS_v0.1_alex-df73285e.pth", _ALEX),
    "lpips-vgg": ("LPIPS_v0.1_vgg-a78928a0.pth", _VGG),
    "lpips-vgg+": ("LPIPS_v0.1_vgg-a78928a0.pth", _VGG),
    "maclip": ("RN50.pt",),
    "maniqa": ("ckpt_koniq10k.pt",),
    "maniqa-kadid": ("ckpt_kadid10k.pt",),
    "maniqa-pipal": ("MANIQA_PIPAL-ae6d356b.pth",),
    "metaiqa": ("Metaiqa_livec.pth",),
    "msswd": ("msswd_weights.pth",),
    "musiq": ("musiq_koniq_ckpt-e95806b9.pth",),
    "musiq-ava": ("musiq_ava_ckpt-e8d3f067.pth",),
    "musiq-paq2piq": ("musiq_paq2piq_ckpt-364c0c84.pth",),
    "musiq-spaq": ("musiq_spaq_ckpt-358bb6af.pth",),
    "nima": ("NIMA_InceptionV2_ava-b0c77c00.pth",),
    "nima-koniq": ("NIMA_koniq-250367ae.pth",),
    "nima-spaq": ("NIMA-spaq-46a7fcb7.pth",),
    "nima-vgg16-ava": ("NIMA_VGG16_ava-dc4e8265.pth",),
    "niqe": ("niqe_modelparameters.mat",),
    "niqe_matlab": ("niqe_matlab_params.mat",),
    "nrqm": ("NRQM_model.mat",),
    "paq2piq": ("P2P_RoIPoolModel-fit.10.bs.120-ca69882e.pth",),
    "pi": ("NRQM_model.mat", "niqe_modelparameters.mat"),
    "pieapp": ("PieAPPv0.1-0937b014.pth",),
    "qualiclip": ("QualiCLIP.pth", "RN50.pt"),
    "qualiclip+": ("QualiCLIP+_koniq.pth", "QualiCLIP.pth", "RN50.pt"),
    "qualiclip+-clive": ("QualiCLIP+_clive.pth", "QualiCLIP.pth", "RN50.pt"),
    "qualiclip+-flive": ("QualiCLIP+_flive.pth", "QualiCLIP.pth", "RN50.pt"),
    "qualiclip+-spaq": ("QualiCLIP+_spaq.pth", "QualiCLIP.pth", "RN50.pt"),
    "stlpips": ("alex_shift_tolerant.pth",),
    "stlpips-vgg": ("vgg_shift_tolerant.pth",),
    "topiq_fr": ("cfanet_fr_kadid_res50-2c4cc61d.pth",),
    "topiq_fr-pipal": ("cfanet_fr_pipal_res50-69bbe5ba.pth",),
    "topiq_iaa": ("cfanet_iaa_ava_swin-393b41b4.pth",),
    "topiq_iaa_res50": ("cfanet_iaa_ava_res50-3cd62bb3.pth",),
    "topiq_nr": ("cfanet_nr_koniq_res50-9a73138b.pth",),
    "topiq_nr-face": ("topiq_nr_cgfiqa_res50-0a8b8e4f.pth", *_FACE),
    "topiq_nr-face-v1": ("topiq_nr_gfiqa_res50-d76bf1ae.pth", *_FACE),
    "topiq_nr-flive": ("cfanet_nr_flive_res50-ded1c74e.pth",),
    "topiq_nr-spaq": ("cfanet_nr_spaq_res50-a7f799ac.pth",),
    "topiq_nr_swin-face": ("topiq_nr_gfiqa_swin-7bb80a60.pth", *_FACE),
    "tres": ("tres_koniq-f0502926.pth",),
    "tres-flive": ("tres_flive-09b0de5b.pth",),
    "unique": ("UNIQUE.pt",),
    "uranker": ("URanker_ckpt-450eb36d.pth",),
    "wadiqam_fr": ("WaDIQaM-kadid-f7541ea5.pth",),
    "wadiqam_nr": ("WaDIQaM-NR-koniq-aaffea29.pth",),
}
# Metric -> whole repositories of the Hugging Face hub that transformers or timm reads through the hub's own cache.
SNAPSHOTS: dict[str, tuple[str, ...]] = {
    "ahiq": ("timm/resnet50.a1_in1k", "timm/vit_base_patch8_224.augreg2_in21k_ft_in1k"),
    "compare2score": ("q-future/Compare2Score", "VQA-CityU/Compare2Score_1"),
    "fgresq": ("openai/clip-vit-base-patch16",),
    "qalign": ("q-future/one-align",),
    "qalign_4bit": ("q-future/one-align",),
    "qalign_8bit": ("q-future/one-align",),
    "qrealign": ("q-future/Q-ReAlign-Mini-0.8B",),
    "qrealign-lite": ("q-future/Q-ReAlign-Lite-4B",),
    "qrealign-mini": ("q-future/Q-ReAlign-Mini-0.8B",),
    "qrealign-pro": ("q-future/Q-ReAlign-Pro-9B",),
}


def entry_name(file: str) -> str:
    """The name under which the store keeps a file, or a repository, that a metric reads."""
    stem = re.sub(r"\.(pth|pt|mat)$", "", file).lower()
    return "iqa-" + re.sub(r"[^a-z0-9.]+", "-", stem.replace("+", "-plus-")).strip("-")


def files_of(metric: str) -> tuple[str, ...]:
    """The files, and repositories, that a metric of pyiqa reads; none where it needs no weights. The first is its own."""
    return (*FILES.get(metric, ()), *SNAPSHOTS.get(metric, ()))


def entries_of(metric: str) -> tuple[str, ...]:
    """The names of all entries that a metric of pyiqa needs; none where it needs no weights."""
    return tuple(entry_name(file) for file in files_of(metric))


def find_files(metric: str, find: FindWeights, given: Path | None = None) -> dict[str, Path]:
    """Each file that a metric reads to where it is; `given` in place of its own file (a folder, of a metric of one repository).

    Raises WeightsError where one is not to be had, naming its entry and what to do.
    """
    files = files_of(metric)
    found = {} if given is None else {files[0]: given}
    for file in files[len(found) :]:
        try:
            found[file] = find(entry_name(file))
        except WeightsError as error:
            own = f", or give a file with --metric-weights {metric}=FILE" if file == files[0] else ""
            raise WeightsError(f"metric '{metric}': {error}{own}") from error
    return found


def not_stored(name: str) -> Path:
    """The store of a build without one: nothing is there. Raises WeightsError."""
    raise WeightsError(f"weights '{name}' are not on this machine: get them with `ttpo models fetch {name}`")
