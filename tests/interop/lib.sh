# Shared by `run` and `compare`: what they need installed, processes that end with the script, the gateway.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=${CAMBIST_INTEROP_DIR:-$root/target/interop}
work=$(mktemp -d)
processes=()

finish() {
  local status=$?
  trap - EXIT
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${processes[@]}"; do wait "$process" 2>/dev/null || true; done
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

have() { command -v "$1" >/dev/null 2>&1; }

# Debian packages for the commands that are missing: `need COMMAND=PACKAGE…`.
need() {
  local missing=()
  for pair in "$@"; do have "${pair%%=*}" || missing+=("${pair#*=}"); done
  [ ${#missing[@]} -eq 0 ] && return
  echo "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}

# The scripts are copied beside their packages: that is where node looks for them.
node_packages() {
  need node=nodejs npm=npm
  if ! node -e 'process.exit(parseInt(process.versions.node, 10) < 20 ? 1 : 0)'; then
    echo "node $(node --version) is too old: 20 or later is needed (https://nodejs.org)" >&2
    return 1
  fi
  mkdir -p "$scratch/node"
  if ! cmp -s "$here/package.json" "$scratch/node/installed.json"; then
    cp "$here/package.json" "$scratch/node/package.json"
    (cd "$scratch/node" && npm install --no-package-lock --no-audit --no-fund --loglevel=error >&2)
    cp "$here/package.json" "$scratch/node/installed.json"
  fi
  cp "$here"/*.mjs "$scratch/node/"
  node=$scratch/node
}

python_packages() {
  need python3=python3
  python3 -c 'import ensurepip, venv' 2>/dev/null || need missing-venv=python3-venv
  if ! cmp -s "$here/requirements.txt" "$scratch/python/installed.txt"; then
    rm -rf "$scratch/python"
    python3 -m venv "$scratch/python"
    "$scratch/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$scratch/python/installed.txt"
  fi
  python=$scratch/python/bin/python
}

node_version() { jq -r .version "$scratch/node/node_modules/$1/package.json"; }
python_version() { "$python" -c 'import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))' "$1"; }

# `wait_for FILE PATTERN PROCESS`: the first line that fits, once it is there.
wait_for() {
  local line
  for _ in $(seq 300); do
    if line=$(grep -m1 -E "$2" "$1" 2>/dev/null); then
      echo "$line"
      return
    fi
    if ! kill -0 "$3" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "did not start:" >&2
  tail -n 20 "$1" "${1%.out}.err" >&2
  return 1
}

cambist=${CAMBIST_BIN:-}

start_gateway() {
  if [ -z "$cambist" ]; then
    need cc=build-essential
    (cd "$root" && cargo build --release --locked --bin cambist)
    cambist=${CARGO_TARGET_DIR:-$root/target}/release/cambist
  fi
  data=$work/data
  # Somewhere without a configuration file.
  (cd "$work" && CAMBIST__EGRESS__ALLOW=127.0.0.1 exec "$cambist" serve --data-dir "$data" \
    --public 127.0.0.1:0 --admin 127.0.0.1:0) >"$work/gateway.out" 2>"$work/gateway.err" &
  gateway=$!
  processes+=("$gateway")
  wait_for "$work/gateway.out" '^export CAMBIST_ADMIN=' "$gateway" >/dev/null
  PUBLIC=$(sed -n 's/^  public *//p' "$work/gateway.out")
  ADMIN=$(sed -n 's/^  admin *//p' "$work/gateway.out")
  TOKEN=$(cat "$data/admin-token")
  export PUBLIC ADMIN TOKEN
}

# `put instances/alpha/x JSON`: publishes.
put() {
  local answer
  answer=$(curl -sS -w '\n%{http_code}' -X PUT -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' "$ADMIN/admin/v1/$1" -d "$2")
  case ${answer##*$'\n'} in
    2*) ;;
    *) echo "PUT $1: $answer" >&2; return 1 ;;
  esac
}
