# Sessions, and an OpenLDAP directory behind them. Sourced by `run`, for its section rest-sts.

# A slapd of its own with one user, on loopback, with StartTLS.
start_slapd() {
  need slapd=slapd ldapadd=ldap-utils
  local home=$work/slapd
  mkdir -p "$home/data"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=interop-ca \
    -addext basicConstraints=critical,CA:TRUE -keyout "$home/ca.key" -out "$home/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 \
    -keyout "$home/slapd.key" -out "$home/slapd.csr" 2>/dev/null
  openssl x509 -req -in "$home/slapd.csr" -CA "$home/ca.pem" -CAkey "$home/ca.key" -CAcreateserial -days 2 \
    -extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:localhost') -out "$home/slapd.pem" 2>/dev/null
  cat >"$home/slapd.conf" <<EOF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $home/slapd.pid
TLSCACertificateFile $home/ca.pem
TLSCertificateFile $home/slapd.pem
TLSCertificateKeyFile $home/slapd.key
database mdb
suffix "dc=example,dc=com"
rootdn "cn=admin,dc=example,dc=com"
rootpw admin-secret
directory $home/data
access to attrs=userPassword by anonymous auth by self read by * none
access to * by dn.exact="cn=sts,dc=example,dc=com" read by self read by anonymous auth by * none
EOF
  LDAP_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  LDAPS_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  slapd -f "$home/slapd.conf" -h "ldap://127.0.0.1:$LDAP_PORT ldaps://127.0.0.1:$LDAPS_PORT" -d 0 >"$home/out" 2>&1 &
  processes+=($!)
  for _ in $(seq 100); do
    ldapwhoami -x -H "ldap://127.0.0.1:$LDAP_PORT" >/dev/null 2>&1 && break
    sleep 0.1
  done
  ldapadd -x -H "ldap://127.0.0.1:$LDAP_PORT" -D cn=admin,dc=example,dc=com -w admin-secret >/dev/null <<'EOF'
dn: dc=example,dc=com
objectClass: domain
dc: example

dn: cn=sts,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: sts
userPassword: service-secret

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: cn=Erin (Sales)\, West,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
cn: Erin (Sales), West
sn: West
uid: erin
mail: erin@corp.example
ou: sales
ou: west
userPassword: Erin-42-pass

dn: cn=Twin One,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
cn: Twin One
sn: One
uid: twin
userPassword: same-pass

dn: cn=Twin Two,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
cn: Twin Two
sn: Two
uid: twin
userPassword: same-pass
EOF
  LDAP_CA=$(cat "$home/ca.pem")
}

# `directory NAME JSON`: an authenticator of /ldap, the common members filled in.
directory() {
  publish "authenticators/ldap/$1" "$(jq -n --arg ca "$LDAP_CA" --argjson more "$2" '{
    kind: "ldap", ca: $ca, attributes: {mail: "mail", groups: "ou"}
  } + $more')"
}

# `sign_in SERVICE NAME PASSWORD`: curl arguments.
sign_in() {
  printf '%s\n' -X POST -H "X-OpenAM-Username: $2" -H "X-OpenAM-Password: $3" \
    "$PUBLIC/am/json/realms/root/realms/ldap/authenticate?authIndexType=service&authIndexValue=$1"
}

section_rest_sts_directory() {
  local json=(-H 'Content-Type: application/json') arguments
  start_slapd
  publish secrets/ldap-service '{"value": "service-secret"}'
  local search='{"bind_dn": "cn=sts,dc=example,dc=com", "bind_password": "ldap-service",
    "base": "ou=people,dc=example,dc=com", "filter": "(&(objectClass=inetOrgPerson)(uid={username}))"}'
  directory starttls "$(jq --arg url "ldap://127.0.0.1:$LDAP_PORT" '. + {url: $url}' <<<"$search")"
  directory ldaps "$(jq --arg url "ldaps://127.0.0.1:$LDAPS_PORT" '. + {url: $url}' <<<"$search")"
  directory plain "$(jq --arg url "ldap://127.0.0.1:$LDAP_PORT" '. + {url: $url, plaintext: true}' <<<"$search")"
  directory direct "$(jq -n --arg url "ldaps://127.0.0.1:$LDAPS_PORT" '{
    url: $url, user_dn: "cn={username},ou=people,dc=example,dc=com", username_attribute: "uid"}')"
  publish authenticators/ldap/platform "$(jq --arg url "ldaps://127.0.0.1:$LDAPS_PORT" '. + {kind: "ldap", url: $url}' <<<"$search")"

  local service
  for service in starttls ldaps plain; do
    mapfile -t arguments < <(sign_in "$service" erin Erin-42-pass)
    rest "LDAP, $service: the right password signs in" 200 '.tokenId | length == 43' "${arguments[@]}"
    rest "LDAP, $service: once more, over kept connections" 200 '.tokenId | length == 43' "${arguments[@]}"
    mapfile -t arguments < <(sign_in "$service" erin wrong)
    rest "LDAP, $service: a wrong one does not" 401 '.code == 401' "${arguments[@]}"
  done
  mapfile -t arguments < <(sign_in direct 'Erin (Sales), West' Erin-42-pass)
  rest 'LDAP: a name with commas is escaped in an entry name' 200 '.tokenId | length == 43' "${arguments[@]}"
  for name in '*' 'erin)(uid=*' 'nobody' 'twin' 'cn=admin,dc=example,dc=com'; do
    mapfile -t arguments < <(sign_in ldaps "$name" same-pass)
    rest "LDAP: $name signs nobody in" 401 '.code == 401' "${arguments[@]}"
  done
  mapfile -t arguments < <(sign_in ldaps erin '')
  # curl leaves a header without a value out, unless it ends in a semicolon.
  rest 'LDAP: an empty password signs nobody in' 401 '.code == 401' -X POST -H 'X-OpenAM-Username: erin' \
    -H 'X-OpenAM-Password;' "${arguments[-1]}"
  mapfile -t arguments < <(sign_in platform erin Erin-42-pass)
  rest 'LDAP: a certificate of an unknown authority is not trusted' 503 '.code == 503' "${arguments[@]}"

  local state
  state=$(jq -n '{
    invocation_context: "invocation_context_client_sdk",
    instance_state: {
      "supported-token-transforms": [
        {inputTokenType: "USERNAME", outputTokenType: "OPENIDCONNECT", invalidateInterimOpenAMSession: true},
        {inputTokenType: "OPENAM", outputTokenType: "OPENIDCONNECT", invalidateInterimOpenAMSession: false}
      ],
      "deployment-config": {
        "deployment-realm": "/ldap", "deployment-url-element": "people",
        "deployment-auth-target-mappings": {
          USERNAME: {"mapping-auth-index-type": "service", "mapping-auth-index-value": "starttls"}
        }
      },
      "oidc-id-token-config": {
        "oidc-issuer": "https://idp.example.net/sts", "oidc-token-lifetime-seconds": "600",
        "oidc-audience": ["orders-api"], "oidc-signature-algorithm": "HS256",
        "oidc-public-key-reference-type": "NONE", "oidc-client-secret": "0123456789abcdef0123456789abcdef",
        "oidc-claim-map": {email: "mail", groups: "groups"}
      }
    }
  }')
  rest 'an instance over the directory is published' 201 '.url_element == "ldap/people"' \
    -H "iPlanetDirectoryPro: $TOKEN" "${json[@]}" -d "$state" "$ADMIN/sts-publish/rest?_action=create"
  local translate="$PUBLIC/rest-sts/ldap/people?_action=translate" body
  local output='{"token_type": "OPENIDCONNECT", "nonce": "n-1", "allow_access": true}'
  local claims='.issued_token | split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson'
  body=$(jq -n --argjson output "$output" '{
    input_token_state: {token_type: "USERNAME", username: "erin", password: "Erin-42-pass"}, output_token_state: $output}')
  rest 'attributes of the directory become claims' 200 \
    "$claims | .sub == \"erin\" and .email == \"erin@corp.example\" and .groups == \"sales west\"" \
    -X POST "${json[@]}" -d "$body" "$translate"
  rest 'a wrong password is 401' 401 '.message | contains("posting Username token to rest authN")' -X POST "${json[@]}" \
    -d "$(jq '.input_token_state.password = "wrong"' <<<"$body")" "$translate"

  mapfile -t arguments < <(sign_in starttls erin Erin-42-pass)
  rest 'a session begins' 200 '.realm == "/ldap"' "${arguments[@]}"
  local token sessions="$PUBLIC/am/json/realms/root/realms/ldap/sessions"
  token=$(jq -r .tokenId "$work/rest.json")
  rest 'it is told of in the header' 200 '.username == "erin" and (.maxSessionExpirationTime | endswith("Z"))' \
    -X POST "${json[@]}" -H "iPlanetDirectoryPro: $token" -d '{}' "$sessions?_action=getSessionInfo"
  rest 'and in the cookie' 200 '.username == "erin"' -X POST "${json[@]}" -b "iPlanetDirectoryPro=$token" -d '{}' \
    "$sessions?_action=getSessionInfo"
  body=$(jq -n --arg token "$token" --argjson output "$output" '{
    input_token_state: {token_type: "OPENAM", session_id: $token}, output_token_state: $output}')
  rest 'OPENAM becomes OPENIDCONNECT' 200 "$claims | .sub == \"erin\" and .email == \"erin@corp.example\"" \
    -X POST "${json[@]}" -d "$body" "$translate"
  rest 'it ends by logout' 200 '.result == "Successfully logged out"' -X POST "${json[@]}" \
    -H "iPlanetDirectoryPro: $token" -d '{}' "$sessions?_action=logout"
  rest 'and is valid no more' 200 '. == {valid: false}' -X POST "${json[@]}" -d "{\"tokenId\": \"$token\"}" \
    "$sessions?_action=validate"
  rest 'nor translated' 401 '.message | contains("posting principal from session request")' \
    -X POST "${json[@]}" -d "$body" "$translate"
}
