# The reverse proxy before servers and clients that are not ours. Sourced by `run`, for its section proxy.

# What node and python need for this section, beside what all need.
proxy_packages() {
  need nginx=nginx-light haproxy=haproxy apache2=apache2-bin caddy=caddy slowhttptest=slowhttptest
  mkdir -p "$scratch/proxy"
  if ! cmp -s "$here/proxy/package.json" "$scratch/proxy/installed.json"; then
    cp "$here/proxy/package.json" "$scratch/proxy/package.json"
    (cd "$scratch/proxy" && npm install --no-package-lock --no-audit --no-fund --loglevel=error >&2)
    cp "$here/proxy/package.json" "$scratch/proxy/installed.json"
  fi
  cp "$here"/proxy/*.mjs "$here/report.mjs" "$scratch/proxy/"
  if ! cmp -s "$here/proxy/requirements.txt" "$scratch/proxy/python/installed.txt"; then
    rm -rf "$scratch/proxy/python"
    python3 -m venv "$scratch/proxy/python"
    "$scratch/proxy/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/proxy/requirements.txt"
    cp "$here/proxy/requirements.txt" "$scratch/proxy/python/installed.txt"
  fi
}

# A gateway of its own, which speaks HTTP/2 in the clear. It waits longer than usual, so that all slow clients are
# there at once.
proxy_gateway() {
  local data=$work/proxy-data
  (cd "$work" && CAMBIST__PUBLIC__HTTP2=always \
    CAMBIST__LIMITS__HEADER_SECONDS=60 CAMBIST__LIMITS__BODY_IDLE_SECONDS=60 CAMBIST__LIMITS__SEND_IDLE_SECONDS=60 \
    CAMBIST__LOG__ACCESS_FILE="$work/access.jsonl" exec "$cambist" serve \
    --data-dir "$data" --public 127.0.0.1:0 --admin 127.0.0.1:0) >"$work/proxy.out" 2>"$work/proxy.err" &
  PROXY_PROCESS=$!
  processes+=("$PROXY_PROCESS")
  wait_for "$work/proxy.out" '^export CAMBIST_ADMIN=' "$PROXY_PROCESS" >/dev/null
  PUBLIC=$(sed -n 's/^  public *//p' "$work/proxy.out")
  ADMIN=$(sed -n 's/^  admin *//p' "$work/proxy.out")
  TOKEN=$(cat "$data/admin-token")
  export PUBLIC ADMIN TOKEN PROXY_PROCESS
  printf '%s' "$PASSWORD" | "$cambist" user add --data-dir "$data" --realm /alpha "$USERNAME" >/dev/null
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# `answers PORT`: once somebody listens there.
answers() {
  for _ in $(seq 200); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.05
  done
  echo "nobody listens on $1" >&2
  return 1
}

# Every origin answers whatever it is asked, and writes down what that was.
start_origins() {
  local at=$work/origins name
  mkdir -p "$at/files"
  head -c 4194304 /dev/zero | tr '\0' a >"$at/files/big"
  for name in nginx haproxy apache caddy node; do
    export "PORT_$name=$(free_port)" "LOG_$name=$at/$name.log"
    : >"$at/$name.log"
  done
  cat >"$at/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $at/nginx.pid; error_log $at/nginx.err; events { worker_connections 4096; }
http {
  log_format asked '\$request_method \$request_uri';
  access_log $LOG_nginx asked;
  client_body_temp_path $at/nginx-body; proxy_temp_path $at/nginx-proxy; fastcgi_temp_path $at/nginx-fastcgi;
  uwsgi_temp_path $at/nginx-uwsgi; scgi_temp_path $at/nginx-scgi;
  merge_slashes off; keepalive_requests 100000;
  server { listen 127.0.0.1:$PORT_nginx; location = /big { root $at/files; } location / { return 200 "nginx"; } }
}
CONF
  cat >"$at/haproxy.cfg" <<CONF
global
  log stdout format raw local0
defaults
  mode http
  log global
  log-format "%HM %HU"
  timeout client 60s
  timeout http-keep-alive 60s
frontend origin
  bind 127.0.0.1:$PORT_haproxy
  http-request return status 200 content-type text/plain string haproxy
CONF
  cat >"$at/apache.conf" <<CONF
ServerRoot $at
PidFile $at/apache.pid
ServerName origin
Listen 127.0.0.1:$PORT_apache
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
ErrorLog $at/apache.err
LogFormat "%r" asked
CustomLog $LOG_apache asked
AllowEncodedSlashes NoDecode
MergeSlashes Off
AliasMatch ^/ $at/files/apache
<Directory $at/files>
  Require all granted
</Directory>
CONF
  echo apache >"$at/files/apache"
  cat >"$at/Caddyfile" <<CONF
{
  admin off
  auto_https off
}
http://127.0.0.1:$PORT_caddy, http://*:$PORT_caddy {
  bind 127.0.0.1
  log {
    output file $LOG_caddy
    format json
  }
  respond caddy 200
}
CONF
  nginx -c "$at/nginx.conf" -e "$at/nginx.err" >"$at/nginx.out" 2>&1 & processes+=($!)
  haproxy -db -f "$at/haproxy.cfg" >"$LOG_haproxy" 2>"$at/haproxy.err" & processes+=($!)
  apache2 -d "$at" -f "$at/apache.conf" -DFOREGROUND >"$at/apache.out" 2>&1 & processes+=($!)
  HOME=$at caddy run --config "$at/Caddyfile" --adapter caddyfile >"$at/caddy.out" 2>&1 & processes+=($!)
  node "$scratch/proxy/origin.mjs" "$PORT_node" "$LOG_node" >"$at/node.out" 2>&1 & processes+=($!)
  for name in nginx haproxy apache caddy node; do
    local port=PORT_$name
    answers "${!port}" || { cat "$at/$name".* >&2; fail "starting $name"; }
  done
}

section_proxy() {
  proxy_packages
  local python=$scratch/proxy/python/bin/python at=$scratch/proxy name port
  proxy_gateway
  start_origins
  publish instances/alpha/proxy "$(jq -n --arg orders "$ORDERS" '{
    validators: {password: {kind: "username", scopes: ["orders:read"]}},
    providers: {access: {kind: "access_token"}},
    transformations: [{subject: "password", issue: "access"}],
    relying_parties: {($orders): {scopes: ["orders:read"]}}
  }')"
  local exchanged
  exchanged=$(jq -n --arg orders "$ORDERS" '{instance: "alpha/proxy", audience: $orders, credentials: [{from: "basic"}]}')
  for name in nginx haproxy apache caddy node; do
    port=PORT_$name
    publish "routes/$name" "$(jq --arg host "$name.example" --arg upstream "http://127.0.0.1:${!port}" \
      '. + {host: $host, upstream: $upstream, claim_headers: {"x-user": "sub"}}' <<<"$exchanged")"
  done
  export PORT_ws PORT_grpc
  PORT_ws=$(free_port) PORT_grpc=$(free_port)
  "$python" "$here/proxy/peers.py" websocket "$PORT_ws" >"$work/ws.out" 2>&1 & processes+=($!)
  "$python" "$here/proxy/peers.py" grpc "$PORT_grpc" >"$work/grpc.out" 2>&1 & processes+=($!)
  answers "$PORT_ws" && answers "$PORT_grpc"
  publish routes/ws "$(jq --arg upstream "http://127.0.0.1:$PORT_ws" \
    '. + {path_prefix: "/ws", upstream: $upstream, upgrades: ["websocket"]}' <<<"$exchanged")"
  publish routes/grpc "$(jq --arg upstream "http://127.0.0.1:$PORT_grpc" \
    '. + {path_prefix: "/interop.Echo", upstream: $upstream, protocol: "http2", trailers: ["x-count"]}' <<<"$exchanged")"
  publish routes/sse "$(jq --arg upstream "http://127.0.0.1:$PORT_node" '. + {path_prefix: "/events", upstream: $upstream}' <<<"$exchanged")"
  publish routes/open "$(jq -n --arg upstream "http://127.0.0.1:$PORT_nginx" '{path_prefix: "/open", anonymous: "only", upstream: $upstream}')"
  publish routes/big "$(jq -n --arg upstream "http://127.0.0.1:$PORT_nginx" '{path: "/big", anonymous: "only", upstream: $upstream}')"

  checks "$python" "$here/proxy/origins_checks.py"
  checks node "$at/stream-checks.mjs"
  checks "$python" "$here/proxy/grpc_checks.py"
  checks "$python" "$here/proxy/h2_checks.py"
  h2spec_checks
  checks "$python" "$here/proxy/slow_checks.py"
}

# Where h2spec is installed, it judges too. One case is known to differ: an invalid preface (3.5, the second) is
# answered as HTTP/1 on a listener that speaks both.
h2spec_checks() {
  if ! have h2spec; then
    echo "      $SECTION: h2spec is not installed; h2_checks.py plays cases of its own"
    return
  fi
  local output=$work/h2spec.xml address=${PUBLIC#http://} failed
  h2spec -h "${address%:*}" -p "${address##*:}" -P /open/h2 -S -j "$output" >"$work/h2spec.out" 2>&1 || true
  failed=$(python3 - "$output" <<'PY'
import sys, xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).iter("testcase"):
    if case.find("failure") is not None or case.find("error") is not None:
        print(case.get("package"), case.get("classname"))
PY
  )
  failed=$(grep -v 'http2/3.5 .*invalid connection preface' <<<"$failed" || true)
  if [ -s "$output" ] && [ -z "$failed" ]; then ok "h2spec: $(tail -n1 "$work/h2spec.out")"; else fail "h2spec: ${failed//$'\n'/; }"; fi
}
