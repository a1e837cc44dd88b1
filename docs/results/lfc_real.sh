#!/bin/sh
# The training of lfc-sr-real: lfc-sr-small goes on under second-order degradations of all strengths, both stages by L1; then the second
# stage by PD-ADMM or by the regulariser (Eq. 7), each with Real-ESRGAN x4plus as a teacher and without.
#   sh docs/results/lfc_real.sh OUTPUT PHOTOS...
# STEPS, ADMM_STEPS: of the two phases. RUNS: which of the four second phases. An interrupted run goes on.
output=$1
shift
start=$(python -c "from ttpo_cli.weights.manifest import embedded_path; print(embedded_path('lfc-sr-small-x4'))")

run() {
    folder=$output/$1
    shift
    resume=
    [ -e "$folder/state.pt" ] && resume=--resume
    ttpo train lfc "$@" --output "$folder" --every 500 $resume --set data.degradation=real --set "data.strength=[0.1, 1]" --set crop=32 \
        --set learning_rate=3e-4
}

run pretraining "$@" --start "$start" --steps "${STEPS:-8000}" --admm-steps 0 || exit
for name in ${RUNS:-admm-teacher regulariser-teacher admm regulariser}; do
    teacher=
    case $name in *-teacher) teacher=realesrgan-x4plus-ncnn ;; esac
    run "$name" "$@" --start "$output/pretraining/lfc-sr.safetensors" --steps 0 --admm-steps "${ADMM_STEPS:-2300}" \
        --set "admm.constraint=${name%-teacher}" --set "admm.teacher=$teacher" || exit
done
