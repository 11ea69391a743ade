# What scripts/demo and scripts/train share, to be sourced: servers on free ports, and their end with the script.
# `echelon` is the binary, `work` a folder that ends too, `pids` who was started.
work=$(mktemp -d)
pids=()

cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# start NAME ARGUMENTS...: runs the binary, waits for its address and puts it into the variable `url`.
start() {
  local name=$1
  shift
  "$echelon" "$@" --listen 127.0.0.1:0 >"$work/$name.out" 2>"$work/$name.log" &
  pids+=($!)
  for _ in $(seq 200); do
    url=$(grep -ohE 'http://127\.0\.0\.1:[0-9]+' "$work/$name.log" "$work/$name.out" | tail -n 1 || true)
    [ -z "$url" ] || return 0
    kill -0 "${pids[-1]}" 2>/dev/null || break
    sleep 0.05
  done
  echo "$(basename "$0"): $name did not start:" >&2
  cat "$work/$name.log" >&2
  exit 1
}
