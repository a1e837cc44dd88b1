#!/bin/sh
# What restores real photos best: the default, Real-ESRGAN alone, small networks and bicubic interpolation, each without the stages.
#   sh docs/results/restorers.sh OUTPUT PHOTOS REAL_PHOTOS [FILE...]
# PHOTOS: folders of good photos, by commas; every tenth is degraded in three strengths, each photo differently (that tenth no training sees).
# REAL_PHOTOS: a folder of photos without a truth. FILE: further checkpoints to compare. CROP: side of the good photos' middle.
output=$1 photos=$2 real=$3
shift 3
rows=auto,realesrgan-x4plus-ncnn,lfc-sr-small,bicubic
for file in "$@"; do rows=$rows,$file; done
held=$(python - "$photos" <<'PYTHON'
import sys
from pathlib import Path
from ttpo_cli.training.data import find_photos, hold_back
print("\n".join(map(str, hold_back(find_photos([Path(folder) for folder in sys.argv[1].split(",")]))[1])))
PYTHON
)
for strength in 0.25 0.5 1; do
    pairs=$output/pairs-$strength
    mkdir -p "$pairs"
    seed=0
    echo "$held" | while read -r photo; do
        seed=$((seed + 1))
        name=$(basename "${photo%.*}")
        [ -e "$pairs/${name}_LR.png" ] && continue
        ttpo degrade "$photo" -o "$pairs/${name}_HR.png" --scale 1 --crop "${CROP:-512}" -q > /dev/null
        ttpo degrade "$pairs/${name}_HR.png" -o "$pairs/${name}_LR.png" --second-order "$strength" --seed $seed -q > /dev/null
    done
    ttpo eval "$pairs" --backbone "$rows" --metrics psnr_y,ms_ssim,fsim,gmsd,vif,msswd,ssimulacra2,niqe,piqe --resume "$output/pairs-$strength.jsonl" \
        --sheet "$output/pairs-$strength.webp" --blind 1 -q | tee "$output/pairs-$strength.txt"
done
ttpo eval "$real" --backbone "$rows" --metrics niqe,piqe --resume "$output/real.jsonl" --sheet "$output/real.webp" --blind 1 -q |
    tee "$output/real.txt"
