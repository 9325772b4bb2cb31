#!/bin/sh
# Install the programs that `spondyl benchmark mechanics --peers` compares with, into a virtual environment of their own:
#   sh benchmarks/install_peers.sh [FOLDER]        FOLDER is build/peers, or name it in SPONDYL_PEERS afterwards
# Debian or Ubuntu; the packages of the system need root. Needs Python 3.11 to 3.13 (PYTHON=python3.12 to choose).
set -eu

folder=${1:-build/peers}
python=${PYTHON:-python3}

if command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
    apt-get install --yes --no-install-recommends calculix-ccx python3-petsc4py openmpi-bin
else
    echo "not root, or no apt-get: install calculix-ccx, python3-petsc4py and openmpi-bin yourself" >&2
fi

"$python" -m venv "$folder"
# ciclope 2.0 imports cv2 without asking for it, and with meshio it wants numpy 1.
"$folder/bin/python" -m pip install --quiet 'numpy<2' opencv-python-headless ciclope parosol-py pyamg
"$folder/bin/python" -W ignore -c 'import ciclope.core.voxelFE, parosol_py, pyamg'
echo "peers are in $folder"
