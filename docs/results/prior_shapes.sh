#!/bin/sh
# The prior that sees the photo: three shapes of the network at equal cost of training, on one bank of degraded and restored crops.
#   sh docs/results/prior_shapes.sh OUTPUT GENERAL DITN PHOTOS...
# GENERAL, DITN: checkpoints of RealESRGAN_General_x4_v3 and DITN_Real_GAN_x4. STEPS: of the first shape.
# BANK, SIDE: entries of the bank and their side. An interrupted run goes on.
output=$1 general=$2 ditn=$3
shift 3
steps=${STEPS:-3000}

# Name, widths, Haar transforms, and the share of the first shape's steps that costs the same: 19.9, 15.1 and 18.2 GFLOP for 512 pixels.
while read -r name channels transforms percent; do
    folder=$output/$name
    mkdir -p "$folder"
    resume=
    [ -e "$folder/state.pt" ] && resume=--resume
    for file in bank held; do
        [ ! -e "$folder/$file.safetensors" ] && [ -e "$output/wide/$file.safetensors" ] &&
            ln "$output/wide/$file.safetensors" "$folder/$file.safetensors"
    done
    ttpo train prior "$@" -o "$folder" --sees-photo --channels "$channels" --transforms "$transforms" --steps $((steps * percent / 100)) \
        --backbone realesrgan-x4plus-ncnn --backbone realesrgan-x4plus-ncnn --backbone realesrgan-x4plus-anime --backbone lfc-sr-small \
        --backbone "$general" --backbone "$ditn" --bank "${BANK:-1200}" --side "${SIDE:-384}" --crop 128 --every 500 $resume \
        --precision "${PRECISION:-bf16}" < /dev/null || exit
done <<'SHAPES'
wide 48,80,128 2 100
deep 32,64,128,192 2 132
coarse 96,128,192 3 109
SHAPES
