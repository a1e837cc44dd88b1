#!/bin/sh
# LRPO of the embedded prior at equal budget, its ablations, single rewards and plain fine-tuning, on photos and on faces; then the tables.
#   sh docs/results/lrpo_evidence.sh OUTPUT PHOTOS FACES UNSEEN
# UNSEEN: photos that neither the prior nor the reward's weights were found with; the trainings on PHOTOS are judged on them too.
# Eight trainings of 60 roll-outs of 36 samples a set (nine for faces), about 7 minutes each on an idle core. A run that is finished is left alone; an
# interrupted one goes on. Every run is followed to its end, and its records say where the alarm would have stopped it.
output=$1 photos=$2 faces=$3 unseen=$4
mkdir -p "$output"
common='steps: 60
learning_rate: 2e-5
final_learning_rate: 2e-6
rollout: {group: 9, steps: 4}
alarm: {stop: false, metrics: [piqe, gmsd, fsim], photos: 12, seeds: 2}'
cat > "$output/photos.yaml" <<EOF
$common
data: {photos: 4, crop: 64, blur: [0.0, 1.5], shrink: [1.0, 4.0], noise: [0.0, 5.0], jpeg: [60, 100]}
EOF
cat > "$output/faces.yaml" <<EOF
$common
data: {photos: 4, crop: 64, side: 112, blur: [0.1, 2.5], shrink: [1.0, 2.6], noise: [0.0, 10.0], jpeg: [40, 100]}
EOF
train() {
    set=$1 name=$2
    shift 2
    run=$output/$set-$name
    [ -e "$run/finished" ] && return
    resume=
    [ -e "$run/state.pt" ] && resume=--resume
    [ -e "$run/state.pt" ] || rm -rf "$run"
    eval "folder=\$$set"
    # shellcheck disable=SC2086,SC2154
    ttpo train lrpo $folder --output "$run" --config "$output/$set.yaml" --every 10 --plot $resume "$@" && touch "$run/finished"
}
table() {
    set=$1 folder=$2 name=$3
    shift 3
    # shellcheck disable=SC2086
    ttpo train policies $folder --config "$output/$set.yaml" --best-of 16 --images "$output/$name-strips" "$@" --prior before=haar-prior \
        --prior lrpo-best="$output/$set-lrpo/best.safetensors" --prior lrpo="$output/$set-lrpo/last.safetensors" \
        --prior finetune="$output/$set-finetune/last.safetensors" --prior no-truth="$output/$set-no-truth/last.safetensors" \
        --prior strong-truth="$output/$set-strong-truth/last.safetensors" --prior no-weights="$output/$set-no-weights/last.safetensors" \
        --prior only-ranker="$output/$set-only-ranker/last.safetensors" --prior only-bands="$output/$set-only-bands/last.safetensors" \
        --prior only-low-band="$output/$set-only-low-band/last.safetensors" > "$output/$name.json"
}
for set in photos faces; do
    train $set lrpo
    train $set finetune --objective finetune
    train $set no-truth --set lrpo.truth_weight=0
    train $set strong-truth --set lrpo.truth_weight=0.01
    train $set no-weights --set lrpo.noise_levels=false
    train $set only-ranker --set reward.only=ranker
    train $set only-bands --set reward.only=bands
    train $set only-low-band --set reward.only=low_band
done
train faces mild-truth --set lrpo.truth_weight=0.003
table photos "$photos" photos
table photos "$unseen" unseen --unseen --set alarm.photos=42
table faces "$faces" faces --set 'alarm.metrics=[piqe,gmsd,fsim,high_band_smooth]' --prior mild-best="$output/faces-mild-truth/best.safetensors" \
    --prior mild-truth="$output/faces-mild-truth/last.safetensors"
