#!/bin/sh
# Twelve photographs that scikit-image installs (public domain or CC0), shrunk four times, six of them with noise and JPEG, through the
# three stages; then the sheet that docs/results/ttpo.md shows.   sh docs/results/twelve_photos.sh OUTPUT
# Needs `pip install -e '.[dev]'` for scikit-image; about five minutes on two cores.
set -e
output=$1
mkdir -p "$output/HR" "$output/LR"
python - "$output/HR" <<'EOF'
import sys
from skimage import data, io

for name in "astronaut brick camera cell chelsea clock coffee grass gravel hubble_deep_field retina rocket".split():
    photo = getattr(data, name)()
    top, left = (max(0, (side - 480) // 2) for side in photo.shape[:2])
    crop = photo[top : top + 480, left : left + 480]
    io.imsave(f"{sys.argv[1]}/{name}.png", crop[: crop.shape[0] // 4 * 4, : crop.shape[1] // 4 * 4], check_contrast=False)
EOF
for name in astronaut brick camera coffee grass rocket; do
    ttpo degrade "$output/HR/$name.png" -o "$output/LR/$name.png" --overwrite
done
for name in cell chelsea clock gravel hubble_deep_field retina; do
    ttpo degrade "$output/HR/$name.png" -o "$output/LR/$name.png" --noise 3 --jpeg 80 --overwrite
done
ttpo eval "$output" --backbone lfc-sr-small --candidates-shrinks= --guard-degradation off --ttpo --compare --metrics piqe,psnr_y,ms_ssim,gmsd --sheet "$output/twelve.webp"
