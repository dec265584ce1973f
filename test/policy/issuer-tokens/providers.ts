import type { TokenExample } from './tokens.ts';

const BROKER = 'https://lm-token-broker.acme.example';
const JWT = { typ: 'JWT' };
const ENTRA = 'https://login.microsoftonline.com';
const TENANT = '11111111-1111-4111-8111-111111111111';

/** Tokens that services have of an identity provider. */
export const PROVIDER_TOKENS: readonly TokenExample[] = [
  {
    folder: 'entra-id',
    header: JWT,
    lifeS: 3900,
    nbfS: 0,
    claims: {
      iss: `${ENTRA}/${TENANT}/v2.0`,
      aud: '44444444-4444-4444-8444-444444444444',
      sub: '55555555-5555-4555-8555-555555555555',
      oid: '55555555-5555-4555-8555-555555555555',
      tid: TENANT,
      azp: '66666666-6666-4666-8666-666666666666',
      azpacr: '2',
      roles: ['Token.Mint'],
      uti: 'dGhpcyBpcyBhbiBpZA',
      ver: '2.0',
    },
    service: 'entra:55555555-5555-4555-8555-555555555555',
    denied: {
      'an application of the tenant without a role': ['no-permit', { roles: undefined }],
      'another application with the role': ['no-permit', { oid: '70000000-0000-4000-8000-000000000001' }],
      'the same object by another application': [
        'no-permit',
        { azp: '70000000-0000-4000-8000-000000000002' },
      ],
      'a person with the role': [
        'forbidden',
        { scp: 'Mint', preferred_username: 'minter@acme.example', sub: 'b3BhcXVl' },
      ],
    },
    unknown: {
      'another tenant': [
        'issuer-unknown',
        { iss: `${ENTRA}/70000000-0000-4000-8000-000000000003/v2.0`, tid: 'x' },
      ],
      'version 1': ['issuer-unknown', { iss: `https://sts.windows.net/${TENANT}/` }],
      'a token without oid': ['subject-unfit', { oid: undefined }],
    },
  },
  {
    folder: 'google',
    header: JWT,
    lifeS: 3600,
    claims: {
      iss: 'https://accounts.google.com',
      aud: BROKER,
      azp: '104729000000000000017',
      sub: '104729000000000000017',
      email: 'minter@acme-prod.iam.gserviceaccount.com',
      email_verified: true,
    },
    service: 'google:104729000000000000017',
    denied: {
      'an account that was made again under the same e-mail': [
        'no-permit',
        { sub: '107000000000000000001', azp: '107000000000000000001' },
      ],
      'a person who signed in somewhere': ['forbidden', { azp: '7000.apps.googleusercontent.com' }],
    },
    unknown: {
      'an issuer without https': ['issuer-unknown', { iss: 'accounts.google.com' }],
      'a token for others': ['audience-wrong', { aud: 'https://other.example' }],
    },
  },
  {
    folder: 'keycloak',
    header: { typ: 'JWT' },
    lifeS: 300,
    claims: {
      iss: 'https://sso.acme.example/realms/services',
      aud: ['lm-token-broker', 'account'],
      sub: '77777777-7777-4777-8777-777777777777',
      jti: 'trrtcc:0b1c2d3e',
      typ: 'Bearer',
      azp: 'minter',
      resource_access: { 'lm-token-broker': { roles: ['mint'] }, account: { roles: ['view-profile'] } },
    },
    service: 'keycloak:77777777-7777-4777-8777-777777777777',
    denied: {
      'an ID token': ['forbidden', { typ: 'ID' }],
      'a client without the role': ['no-permit', { resource_access: { 'lm-token-broker': { roles: [] } } }],
      'another client': ['no-permit', { azp: 'other' }],
      'roles that are text': ['claim-type', { resource_access: { 'lm-token-broker': { roles: 'mint' } } }],
    },
    unknown: {
      'a token without the basic scope': ['subject-unfit', { sub: undefined }],
      'another realm': ['issuer-unknown', { iss: 'https://sso.acme.example/realms/people' }],
      'a token whose azp alone names the broker': [
        'audience-wrong',
        { aud: 'account', azp: 'lm-token-broker' },
      ],
    },
  },
  {
    folder: 'okta',
    header: {},
    lifeS: 3600,
    claims: {
      iss: 'https://acme.okta.com/oauth2/aus0000000000000044',
      aud: BROKER,
      sub: '0oa000000000000minter',
      cid: '0oa000000000000minter',
      scp: ['lm.mint'],
      ver: 1,
      jti: 'AT.0',
    },
    service: 'okta:0oa000000000000minter',
    denied: {
      'a person who signed in by the application': ['forbidden', { sub: 'ann@acme.example', uid: '00u1' }],
      'a person whose login is the client id': ['forbidden', { uid: '00u1' }],
      'an application whose subject was mapped to that of another': [
        'forbidden',
        { cid: '0oa000000000000other' },
      ],
      'another application': ['no-permit', { sub: '0oa000000000000other', cid: '0oa000000000000other' }],
      'scopes as text': ['claim-type', { scp: 'lm.mint' }],
    },
    unknown: {
      'the organisation’s own server': ['issuer-unknown', { iss: 'https://acme.okta.com' }],
    },
  },
  {
    folder: 'openbao',
    header: {},
    lifeS: 86_400,
    claims: {
      iss: 'https://bao.acme.example:8200/v1/identity/oidc',
      aud: '0000000000000000000minter1',
      sub: '88888888-8888-4888-8888-888888888888',
      namespace: 'root',
    },
    service: 'openbao:88888888-8888-4888-8888-888888888888',
    denied: {
      'another entity': ['no-permit', { sub: '80000000-0000-4000-8000-000000000001' }],
      'an entity of another namespace': ['forbidden', { namespace: 'dev' }],
    },
    unknown: {
      'a token of another role': ['audience-wrong', { aud: '0000000000000000000other12' }],
      'a token of yesterday’s login': ['too-old', { iat: 1_700_000_000, exp: 4_000_000_000 }],
    },
  },
];
