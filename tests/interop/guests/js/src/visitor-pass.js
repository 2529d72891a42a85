// Validates visitor passes: `<base64url of JSON>.<base64url of its HMAC-SHA256>`. The JSON has `visitor`,
// `until` (ISO 8601) and perhaps `areas`.

import { open } from "cambist:sts/crypto@0.1.0";

const refusal = (fault, more = {}) => ({ fault, ...more });

const decode = (text) => {
  // One spelling only: what decodes would let white space and padding pass.
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw refusal("malformed");
  try {
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    throw refusal("malformed");
  }
};

const utf8 = (bytes) => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refusal("malformed");
  }
};

const parse = (bytes) => {
  try {
    return JSON.parse(utf8(bytes)) ?? {};
  } catch {
    throw refusal("malformed");
  }
};

// The gateway fills in the manifest's defaults, so that every name is there.
const configured = (call, name) => call.config.find(([found]) => found === name)?.[1].val;

const check = (body, mac) => {
  let genuine;
  try {
    genuine = open("pass").verify(new TextEncoder().encode(body), mac);
  } catch (error) {
    throw refusal("internal", { detail: `the key: ${error.payload ?? error}` });
  }
  if (!genuine) throw refusal("bad-signature");
};

export const validator = {
  validateToken(token, call) {
    const [body, mac, ...more] = utf8(token.bytes).split(".");
    if (mac === undefined || more.length > 0) throw refusal("malformed");
    check(body, decode(mac));

    const { visitor, until, areas = [] } = parse(decode(body));
    const end = typeof until === "string" ? Date.parse(until) : NaN;
    const good = typeof visitor === "string" && visitor !== "" && Number.isFinite(end) && end >= 0;
    if (!good || !Array.isArray(areas) || !areas.every((area) => typeof area === "string")) {
      throw refusal("malformed");
    }
    const expiresAt = BigInt(Math.floor(end / 1000));
    if (expiresAt <= call.now) throw refusal("expired");
    const closed = configured(call, "closed") ?? [];
    const openAreas = areas.filter((area) => !closed.includes(area));
    if (areas.length > 0 && openAreas.length === 0) {
      throw refusal("refused", { code: "areas-closed", message: "every area of this pass is closed" });
    }
    return {
      subject: visitor,
      issuer: configured(call, "issuer"),
      audiences: [],
      expiresAt,
      authenticationMethods: [],
      claims: [{ name: "areas", value: { tag: "texts", val: openAreas } }],
      actors: [],
    };
  },
};
