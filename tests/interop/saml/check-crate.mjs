// The part of run-crate that needs node: node-saml reads what the crate issues, xml-crypto signs for it.
// Prints one line per check and `end`.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { SAML } from "@node-saml/node-saml";
import { SignedXml } from "xml-crypto";

const [out, accept] = process.argv.slice(2);
const ACS = "https://orders.example.com/acs";
const ISSUER = "https://idp.example.net/sts";
const read = (name) => readFileSync(`${out}/${name}`, "utf8");
const check = (name, outcome) => console.log(`${outcome ? "ok   " : "FAIL "} ${name}`);
const issued = /IssueInstant="([^"]*)"/.exec(read("unsigned-bearer.xml"))[1];

const response = (assertion) =>
  `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="${ACS}" ID="_response" ` +
  `IssueInstant="${issued}" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">` +
  `${ISSUER}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>` +
  `</samlp:Status>${assertion}</samlp:Response>`;

async function named(document, certificate) {
  const party = new SAML({
    idpCert: read(`${certificate}.crt`),
    issuer: "urn:example:orders-sp",
    audience: "urn:example:orders-sp",
    callbackUrl: ACS,
    entryPoint: "https://idp.example.net/sso",
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: false,
    validateInResponseTo: "never",
    decryptionPvk: read("recipient.key"),
  });
  const encoded = Buffer.from(response(document)).toString("base64");
  const { profile } = await party.validatePostResponseAsync({ SAMLResponse: encoded });
  return profile.nameID;
}

async function reads(name, document, certificate, wanted) {
  let got;
  try {
    got = (await named(document, certificate)) === "dana";
  } catch (error) {
    got = false;
    if (wanted) console.log(`      ${error.message}`);
  }
  check(`node-saml: ${name}${wanted ? "" : " is refused"}`, got === wanted);
}

for (const name of ["rsa-bearer", "rsa-sv", "rsa-full"]) {
  const document = read(`${name}.xml`);
  await reads(name, document, "rsa", true);
  await reads(`a tampered ${name}`, document.replace(">dana<", ">root<"), "rsa", false);
  await reads(`${name} under another key`, document, "other", false);
}
// It wants an end in the data of a confirmation, and that of a key has none.
await reads("rsa-hok (a confirmation without an end)", read("rsa-hok.xml"), "rsa", false);
// It knows no ECDSA: P-256 is for relying parties that ask for it.
await reads("p256-bearer (ECDSA)", read("p256-bearer.xml"), "p256", false);
for (const name of ["sealed-whole-gcm256-sha1-bearer", "sealed-whole-gcm128-sha1-bearer"]) {
  await reads(name, read(`${name}.xml`), "rsa", true);
}

function judged(document) {
  return execFileSync(accept, [`${out}/rsa.crt`], { input: document }).toString().trim();
}

const unsigned = read("unsigned-bearer.xml");
const identifier = / ID="([^"]*)"/.exec(unsigned)[1];
for (const [algorithm, digest, wanted] of [
  ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256", true],
  ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512", true],
  ["http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#sha1", false],
]) {
  const name = `xml-crypto: ${algorithm.split("#")[1]}`;
  const signer = new SignedXml({
    privateKey: read("rsa.key"),
    publicCert: read("rsa.crt"),
    signatureAlgorithm: algorithm,
    canonicalizationAlgorithm: "http://www.w3.org/2001/10/xml-exc-c14n#",
    idAttributes: ["ID"],
  });
  signer.addReference({
    xpath: "//*[local-name(.)='Assertion']",
    digestAlgorithm: digest,
    transforms: [
      "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
      "http://www.w3.org/2001/10/xml-exc-c14n#",
    ],
    uri: `#${identifier}`,
  });
  signer.computeSignature(unsigned, {
    location: { reference: "//*[local-name(.)='Issuer']", action: "after" },
    prefix: "ds",
  });
  const document = signer.getSignedXml();
  const verdict = judged(document);
  check(`${name} is ${verdict}`, wanted ? verdict === "accepted dana" : verdict.startsWith("refused"));
  const twin = judged(document.replace(">dana<", ">root<"));
  check(`${name}, tampered, is ${twin}`, twin.startsWith("refused"));
}
console.log("end");
