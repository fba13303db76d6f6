#!/usr/bin/env bash
# Usage: tools/dist_test.sh CONFIG CHECKPOINT GPUS [arguments of tools/test.py]
# Several nodes: set NNODES, NODE_RANK, MASTER_ADDR, and PORT to a free port.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,3s/^# //p' "$0"
    exit 2
fi
exec python3 -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$3" "$(dirname "$0")/test.py" "$1" "$2" --launcher pytorch "${@:4}"
