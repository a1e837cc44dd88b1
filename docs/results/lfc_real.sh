#!/bin/sh
# The training of lfc-sr-real: lfc-sr-small goes on under second-order degradations, first both stages by L1.
#   sh docs/results/lfc_real.sh OUTPUT PHOTOS...
# An interrupted run goes on.
output=$1
shift
start=$(python -c "from ttpo_cli.weights.manifest import embedded_path; print(embedded_path('lfc-sr-small-x4'))")
resume=
[ -e "$output/pretraining/state.pt" ] && resume=--resume
ttpo train lfc "$@" --output "$output/pretraining" --start "$start" --steps "${STEPS:-8000}" --admm-steps 0 --every 500 $resume \
    --set data.degradation=real --set crop=32 --set learning_rate=3e-4
