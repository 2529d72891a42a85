# Every request that the contract of the REST STS documents with curl, as a client of it sends them. Sourced by
# `run`, for its section rest-sts.

# `made NAME FILTER BODY URL`: a translation that succeeds; its token is in $work/rest.json.
made() {
  rest "$1" 200 "$2" -X POST -H 'Content-Type: application/json' -d "$3" "$4"
}

# `xml_verified NAME CERTIFICATE`: xmlsec1 accepts the assertion that was issued last.
xml_verified() {
  jq -j .issued_token "$work/rest.json" >"$work/contract.xml"
  if xmlsec1 verify --trusted-pem "$2" --id-attr:ID urn:oasis:names:tc:SAML:2.0:assertion:Assertion \
    "$work/contract.xml" >/dev/null 2>&1; then
    ok "xmlsec1 verifies $1"
  else
    fail "xmlsec1 does not verify $1"
  fi
}

section_rest_sts_contract() {
  need xmlsec1=xmlsec1 openssl=openssl
  local json=(-H 'Content-Type: application/json') session=(-H "iPlanetDirectoryPro: $TOKEN")
  local collection="$ADMIN/am/sts-publish/rest" tokens="$ADMIN/am/sts-tokengen"
  local at="$PUBLIC/am/rest-sts/alpha/contract" translate validate cancel
  translate="$at?_action=translate" validate="$at?_action=validate" cancel="$at?_action=cancel"
  local assertion='.issued_token | startswith("<saml:Assertion ")' home=$work/contract
  local jwt='.issued_token | test("^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+){2}$")'
  local error='.code == 409 and .reason == "Conflict" and (.message | type) == "string"'
  mkdir -p "$home"

  # What the instance needs before: keys, whoever checks certificates, and a plugin.
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=clients -days 2 \
    -addext basicConstraints=critical,CA:TRUE -keyout "$home/ca.key" -out "$home/ca.pem" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj /CN=robot -keyout "$home/own.key" -out "$home/own.csr" 2>/dev/null
  openssl x509 -req -in "$home/own.csr" -CA "$home/ca.pem" -CAkey "$home/ca.key" -CAcreateserial -days 2 \
    -extfile <(echo 'extendedKeyUsage=clientAuth') -outform DER -out "$home/own.der" 2>/dev/null
  openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=sts -days 2 -keyout "$home/sts.key" -out "$home/sts.pem" 2>/dev/null
  openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=orders -days 2 -keyout "$home/sp.key" -out "$home/sp.pem" 2>/dev/null
  publish secrets/contract.p12 "$(jq -n --rawfile key "$home/sts.key" --rawfile own "$home/sts.pem" --rawfile sp "$home/sp.pem" \
    '{entries: {"sts-sign": ($key + $own), "orders-enc": $sp}}')"
  publish authenticators/alpha/StsCert "$(jq -n --rawfile ca "$home/ca.pem" \
    '{kind: "x509", trust_anchors: $ca, subject: "common_name"}')"
  step 'the plugin of the custom types is built' "$cambist" plugin build "$root/tests/guests/custom"
  export CAMBIST_ADMIN=$ADMIN CAMBIST_TOKEN=$TOKEN
  step 'and uploaded' "$cambist" plugin push "$root/tests/guests/custom" --name custom

  local state
  state=$(jq -n '{
    invocation_context: "invocation_context_client_sdk",
    instance_state: {
      "persist-issued-tokens-in-cts": "true", "is-remote-sts-instance": "false",
      "supported-token-transforms": [
        {inputTokenType: "USERNAME", outputTokenType: "SAML2", invalidateInterimOpenAMSession: true},
        {inputTokenType: "USERNAME", outputTokenType: "OPENIDCONNECT", invalidateInterimOpenAMSession: true},
        {inputTokenType: "OPENIDCONNECT", outputTokenType: "SAML2", invalidateInterimOpenAMSession: true},
        {inputTokenType: "OPENIDCONNECT", outputTokenType: "OPENIDCONNECT", invalidateInterimOpenAMSession: true},
        {inputTokenType: "X509", outputTokenType: "SAML2", invalidateInterimOpenAMSession: true},
        {inputTokenType: "X509", outputTokenType: "OPENIDCONNECT", invalidateInterimOpenAMSession: true},
        {inputTokenType: "OPENAM", outputTokenType: "SAML2", invalidateInterimOpenAMSession: false},
        {inputTokenType: "OPENAM", outputTokenType: "OPENIDCONNECT", invalidateInterimOpenAMSession: false}
      ],
      "custom-token-validators": [{customTokenName: "LEGACY_TICKET", customOperationClassName: "custom"}],
      "custom-token-providers": [{customTokenName: "PARTNER_PASS", customOperationClassName: "custom"}],
      "custom-token-transforms": [
        {inputTokenType: "LEGACY_TICKET", outputTokenType: "SAML2", invalidateInterimOpenAMSession: true},
        {inputTokenType: "LEGACY_TICKET", outputTokenType: "PARTNER_PASS", invalidateInterimOpenAMSession: true},
        {inputTokenType: "USERNAME", outputTokenType: "PARTNER_PASS", invalidateInterimOpenAMSession: true}
      ],
      "deployment-config": {
        "deployment-realm": "/alpha", "deployment-url-element": "contract",
        "deployment-auth-target-mappings": {
          USERNAME: {"mapping-auth-index-type": "service", "mapping-auth-index-value": "StsLogin"},
          OPENIDCONNECT: {
            "mapping-auth-index-type": "service", "mapping-auth-index-value": "partner",
            "mapping-context": {oidc_id_token_auth_target_header_key: "x-sts-idtoken"}
          },
          X509: {
            "mapping-auth-index-type": "service", "mapping-auth-index-value": "StsCert",
            "mapping-context": {x509_token_auth_target_header_key: "x-sts-cert"}
          }
        },
        "deployment-offloaded-two-way-tls-header-key": "x-client-cert",
        "deployment-tls-offload-engine-hosts": ["10.9.8.7", "127.0.0.1"]
      },
      "saml2-config": {
        "issuer-name": "https://idp.example.net/sts", "saml2-sp-entity-id": "urn:example:orders-sp",
        "saml2-sp-acs-url": "https://orders.example.com/acs",
        "saml2-name-id-format": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        "saml2-token-lifetime-seconds": "600",
        "saml2-attribute-map": {EmailAddress: "email", department: "\"logistics\""},
        "saml2-sign-assertion": "true", "saml2-encrypt-assertion": "false",
        "saml2-encryption-algorithm-strength": "0",
        "saml2-keystore-filename": "/opt/sts/contract.p12", "saml2-keystore-password": "kspw-1",
        "saml2-signature-key-alias": "sts-sign", "saml2-signature-key-password": "keypw-1",
        "saml2-custom-conditions-provider-class-name": null, "saml2-custom-subject-provider-class-name": null
      },
      "oidc-id-token-config": {
        "oidc-issuer": "https://idp.example.net/sts", "oidc-token-lifetime-seconds": "600",
        "oidc-audience": ["orders-api"], "oidc-authorized-party": "orders-web",
        "oidc-signature-algorithm": "RS256", "oidc-public-key-reference-type": "JWK",
        "oidc-keystore-location": "/opt/sts/contract.p12", "oidc-keystore-password": "kspw-1",
        "oidc-signature-key-alias": "sts-sign", "oidc-signature-key-password": "keypw-1",
        "oidc-client-secret": null, "oidc-claim-map": {email: "email"}
      }
    }
  }')
  rest 'contract: create' 201 '._id == "alpha/contract" and .result == "success" and .url_element == "alpha/contract"' \
    -X POST "${session[@]}" "${json[@]}" -d "$state" "$collection?_action=create"

  # Translate, one example for each input, in the words of the contract.
  local password session_id id_token body bearer id
  bearer='{"token_type": "SAML2", "subject_confirmation": "BEARER"}'
  id='{"token_type": "OPENIDCONNECT", "nonce": "n-77aa01", "allow_access": true}'
  password=$(jq -n '{token_type: "USERNAME", username: env.USERNAME, password: env.PASSWORD}')
  pair() { jq -n --argjson in "$1" --argjson out "$2" '{input_token_state: $in, output_token_state: $out}'; }
  made 'contract: USERNAME to SAML2, bearer' "$assertion" "$(pair "$password" "$bearer")" "$translate"
  xml_verified 'the bearer assertion' "$home/sts.pem"
  local kept
  kept=$(jq -j .issued_token "$work/rest.json")
  made 'contract: USERNAME to OPENIDCONNECT' "$jwt" "$(pair "$password" "$id")" "$translate"
  SUBJECT=$USERNAME VERIFY=rs256 INSTANCE=alpha/contract checks "$python" "$here/rest_verify.py" "$work/rest.json"
  id_token=$(node "$node/sign-in.mjs" web-rs256) || fail 'sign in'
  body=$(jq -n --arg token "$id_token" '{token_type: "OPENIDCONNECT", oidc_id_token: $token}')
  made 'contract: OPENIDCONNECT to SAML2, sender-vouches' "$assertion" \
    "$(pair "$body" '{"token_type": "SAML2", "subject_confirmation": "SENDER_VOUCHES"}')" "$translate"
  xml_verified 'the sender-vouches assertion' "$home/sts.pem"
  # What a token transformation filter sends, whatever it asks for.
  made 'contract: the superset body of a filter' "$assertion" \
    "$(pair "$body" '{"token_type": "SAML2", "subject_confirmation": "BEARER", "nonce": "n-1", "allow_access": true}')" "$translate"
  local certificate
  certificate=$(base64 -w0 "$home/own.der")
  rest 'contract: X509 to SAML2, holder-of-key' 200 "$assertion" -X POST "${json[@]}" -H "x-client-cert: $certificate" \
    -d "$(pair '{"token_type": "X509"}' "$(jq -n --arg own "$certificate" \
      '{token_type: "SAML2", subject_confirmation: "HOLDER_OF_KEY", proof_token_state: {base64EncodedCertificate: $own}}')")" \
    "$translate"
  xml_verified 'the holder-of-key assertion' "$home/sts.pem"
  if grep -qF "$certificate" "$work/contract.xml" && grep -q 'ac:classes:X509<' "$work/contract.xml"; then
    ok 'it names the certificate and how its holder authenticated'
  else
    fail 'the certificate or its context class is missing'
  fi
  rest 'contract: X509 to OPENIDCONNECT' 200 "$jwt" -X POST "${json[@]}" -H "x-client-cert: $certificate" \
    -d "$(pair '{"token_type": "X509"}' "$id")" "$translate"
  rest 'contract: a session' 200 '.tokenId | type == "string"' -X POST -H "X-OpenAM-Username: $USERNAME" \
    -H "X-OpenAM-Password: $PASSWORD" "$PUBLIC/am/json/realms/root/realms/alpha/authenticate"
  session_id=$(jq -r .tokenId "$work/rest.json")
  body=$(jq -n --arg session "$session_id" '{token_type: "OPENAM", session_id: $session}')
  made 'contract: OPENAM to OPENIDCONNECT' "$jwt" "$(pair "$body" "$id")" "$translate"
  made 'contract: OPENAM to SAML2' "$assertion" "$(pair "$body" "$bearer")" "$translate"
  xml_verified 'the assertion for a session' "$home/sts.pem"
  made 'contract: custom to custom' \
    '.issued_token == "pass-for-T-0099" and .wanted.scope == "read" and .wanted.ttl == 60' \
    "$(pair '{"token_type": "LEGACY_TICKET", "ticket": "T-0099", "issued_by": "hq"}' \
      '{"token_type": "PARTNER_PASS", "scope": "read", "ttl": 60}')" "$translate"
  made 'contract: custom to SAML2' "$assertion" \
    "$(pair '{"token_type": "LEGACY_TICKET", "ticket": "T-0099"}' "$bearer")" "$translate"
  made 'contract: USERNAME to custom' '.presented_type | endswith(":username")' \
    "$(pair "$password" '{"token_type": "PARTNER_PASS"}')" "$translate"

  # Validate, cancel, list.
  body=$(jq -n --arg token "$kept" '{validated_token_state: {token_type: "SAML2", saml2_token: $token}}')
  rest 'contract: validate' 200 '. == {token_valid: true}' -X POST "${json[@]}" -d "$body" "$validate"
  rest 'contract: query by instance' 200 '.resultCount >= 1 and (.result[0] | has("token_id") and has("expiration_time"))' \
    -G "${session[@]}" --data-urlencode "_queryFilter=/sts_id eq 'alpha/contract'" "$tokens"
  rest 'contract: query by both' 200 ".resultCount >= 1 and all(.result[]; .principal_name == \"$USERNAME\")" -G "${session[@]}" \
    --data-urlencode "_queryFilter=/sts_id eq 'alpha/contract' and /token_principal eq '$USERNAME'" "$tokens"
  rest 'contract: query by principal' 200 '.resultCount >= 1' -G "${session[@]}" \
    --data-urlencode "_queryFilter=/token_principal eq \"$USERNAME\"" "$tokens"
  local name
  name=$(sed 's/.* ID="\([^"]*\)".*/\1/;q' <<<"$kept")
  rest 'contract: read one token' 200 '.principal_name == env.USERNAME' "${session[@]}" "$tokens/$name"
  body=$(jq '{cancelled_token_state: .validated_token_state}' <<<"$body")
  rest 'contract: cancel' 200 '.result == "SAML2 token cancelled successfully."' -X POST "${json[@]}" -d "$body" "$cancel"
  rest 'contract: what was cancelled is not valid' 200 '. == {token_valid: false}' -X POST "${json[@]}" \
    -d "$(jq '{validated_token_state: .cancelled_token_state}' <<<"$body")" "$validate"
  rest 'contract: delete one token' 200 ".result == \"token with id $name successfully removed.\"" -X DELETE \
    "${session[@]}" "$tokens/$name"

  # Read, replace, encrypt, remove.
  rest 'contract: read' 200 '._id == "alpha/contract" and (."alpha/contract" | has("saml2-config"))' "${session[@]}" \
    "$collection/alpha/contract"
  rest 'contract: list' 200 '._id == "published_instances" and has("alpha/contract")' "${session[@]}" "$collection"
  state=$(jq '.instance_state["saml2-config"] += {
    "saml2-encrypt-assertion": "true", "saml2-encryption-key-alias": "orders-enc",
    "saml2-encryption-algorithm": "http://www.w3.org/2009/xmlenc11#aes256-gcm", "saml2-encryption-algorithm-strength": "256",
    "saml2-key-transport-algorithm": "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"}' <<<"$state")
  rest 'contract: replace' 200 '.result == "success"' -X PUT "${session[@]}" "${json[@]}" \
    -H 'Accept-API-Version: protocol=1.0, resource=1.0' -d "$state" "$collection/alpha/contract"
  made 'contract: an encrypted assertion' '.issued_token | startswith("<saml:EncryptedAssertion ")' \
    "$(pair "$password" "$bearer")" "$translate"
  jq -j .issued_token "$work/rest.json" >"$home/sealed.xml"
  if xmlsec1 decrypt --privkey-pem "$home/sp.key" --output "$home/opened.xml" "$home/sealed.xml" >"$home/log" 2>&1; then
    ok 'xmlsec1 decrypts it'
    # What it decrypts is the assertion inside of its wrapper.
    python3 - "$home/opened.xml" >"$home/assertion.xml" <<'PYTHON'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
print(re.search(r"<saml:Assertion .*</saml:Assertion>", text, re.S).group(0), end="")
PYTHON
    jq -n --rawfile xml "$home/assertion.xml" '{issued_token: $xml}' >"$work/rest.json"
    xml_verified 'the signature inside' "$home/sts.pem"
  else
    fail "xmlsec1 does not decrypt it: $(tail -n 2 "$home/log" | tr '\n' ' ')"
  fi
  rest 'contract: delete' 200 '.result == "rest sts instance alpha/contract successfully removed from realm alpha"' \
    -X DELETE "${session[@]}" "$collection/alpha/contract"

  # The flat encoding and the smallest structured one.
  rest 'contract: create, flat' 201 '.url_element == "alpha/flat1"' -X POST "${session[@]}" "${json[@]}" \
    "$collection?_action=create" -d '{
    "invocation_context": "invocation_context_view_bean",
    "instance_state": {
      "deployment-url-element": ["flat1"], "deployment-realm": ["/alpha"],
      "deployment-auth-target-mappings": ["USERNAME|service|StsLogin"],
      "persist-issued-tokens-in-cts": ["false"], "supported-token-transforms": ["USERNAME|OPENIDCONNECT|true"],
      "oidc-issuer": ["https://idp.example.net/sts"], "oidc-token-lifetime-seconds": ["600"],
      "oidc-audience": ["orders-api"], "oidc-signature-algorithm": ["HS256"],
      "oidc-public-key-reference-type": ["NONE"], "oidc-client-secret": ["a-long-shared-secret-of-32-bytes!"],
      "oidc-claim-map": ["email=mail", "family_name=sn"]
    }}'
  made 'contract: translate there' "$jwt" "$(pair "$password" "$id")" "$PUBLIC/am/rest-sts/alpha/flat1?_action=translate"
  body=$(jq -n --arg token "$(jq -r .issued_token "$work/rest.json")" \
    '{validated_token_state: {token_type: "OPENIDCONNECT", oidc_id_token: $token}}')
  rest 'contract: an instance that keeps nothing validates nothing' 409 "$error" -X POST "${json[@]}" -d "$body" \
    "$PUBLIC/am/rest-sts/alpha/flat1?_action=validate"
  rest 'contract: create, minimal, in the root realm' 201 '.url_element == "min1"' -X POST "${session[@]}" "${json[@]}" \
    "$collection?_action=create" -d '{
    "invocation_context": "invocation_context_client_sdk",
    "instance_state": {
      "persist-issued-tokens-in-cts": "false",
      "supported-token-transforms": [
        {"inputTokenType": "USERNAME", "outputTokenType": "SAML2", "invalidateInterimOpenAMSession": true}
      ],
      "deployment-config": {
        "deployment-url-element": "min1", "deployment-realm": "/",
        "deployment-auth-target-mappings": {
          "USERNAME": {"mapping-auth-index-type": "service", "mapping-auth-index-value": "StsLogin"}
        }
      },
      "saml2-config": {
        "issuer-name": "https://idp.example.net/sts", "saml2-sp-entity-id": "urn:example:orders-sp",
        "saml2-sp-acs-url": "https://orders.example.com/acs",
        "saml2-name-id-format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        "saml2-token-lifetime-seconds": "600", "saml2-encryption-algorithm-strength": "0", "saml2-attribute-map": {}
      }
    }}'
  rest 'contract: delete, in the root realm' 200 '.result == "rest sts instance min1 successfully removed from realm /"' \
    -X DELETE "${session[@]}" "$collection/min1"
}
