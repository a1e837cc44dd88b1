#!/bin/sh
# Ten trainings of lfc-sr-small's second phase at equal budget, from one pretrained checkpoint: PD-ADMM, its dual modes and its baselines.
#   sh docs/results/lfc_evidence.sh PRETRAINED.safetensors OUTPUT PHOTOS...
#   STEPS=2000 CROPS=2000 FEATURES=moving-patches RUNS="admm-crop-0.1 regulariser-1 unconstrained" sh docs/results/lfc_evidence.sh ...
# A run that is finished is left alone; an interrupted one goes on.
start=$1 output=$2
shift 2
train() {
    name=$1
    shift
    [ -e "$output/$name/finished" ] && return
    case " ${RUNS:-$name} " in *" $name "*) ;; *) return ;; esac
    resume=
    [ -e "$output/$name/state.pt" ] && resume=--resume
    # shellcheck disable=SC2086
    ttpo train lfc $photos --output "$output/$name" --start "$start" --steps 0 --admm-steps "${STEPS:-800}" --every 400 $resume \
        --set ema=0.99 --set admm.crops="${CROPS:-800}" --set admm.features="${FEATURES:-patches}" --set admm.rho=1 --set admm.objective_rate=1e-4 --set admm.perceptual_rate=3e-4 \
        --set admm.discriminator_rate=4e-4 "$@" && touch "$output/$name/finished"
}
photos=$*
train admm-crop --set admm.dual=crop
train unconstrained --set admm.constraint=none
train admm-none --set admm.dual=none
train regulariser-1 --set admm.constraint=regulariser --set admm.lambda_r=1
train admm-shared --set admm.dual=shared
train order-po --set admm.order=po
train gaussian --set admm.low_pass=gaussian
train regulariser-0.1 --set admm.constraint=regulariser --set admm.lambda_r=0.1
train admm-crop-0.1 --set admm.rho=0.1
train regulariser-10 --set admm.constraint=regulariser --set admm.lambda_r=10
