import type { Token, TokenExample } from './tokens.ts';

const BROKER = 'https://lm-token-broker.acme.example';

const pod = (uid: string) => ({ namespace: 'ci', serviceaccount: { name: 'minter', uid } });
const POD = { name: 'minter-7', uid: '34343434-3434-4434-8434-343434343434' };
const OWN_UID = '33333333-3333-4333-8333-333333333333';

/** A projected token has no `typ`, and an array of audiences. */
const kubernetes = (folder: string, alias: string, iss: string, otherIss: string): TokenExample => ({
  folder,
  header: {},
  lifeS: 3607,
  nbfS: 0,
  claims: {
    iss,
    aud: [BROKER],
    sub: 'system:serviceaccount:ci:minter',
    jti: '3f0f1a36-0000-4000-8000-000000000000',
    'kubernetes.io': { ...pod(OWN_UID), node: { name: 'n1', uid: 'n-1' }, pod: POD },
  },
  service: `${alias}:system:serviceaccount:ci:minter`,
  denied: {
    'an account that was made again': [
      'no-permit',
      { 'kubernetes.io': { ...pod('70000000-0000-4000-8000-000000000001'), pod: POD } },
    ],
    'a token that was asked for by hand': ['forbidden', { 'kubernetes.io': pod(OWN_UID) }],
    'another namespace': [
      'no-permit',
      {
        sub: 'system:serviceaccount:dev:minter',
        'kubernetes.io': { ...pod('u'), namespace: 'dev', pod: POD },
      },
    ],
    'a namespace that is not the subject’s': [
      'no-permit',
      { 'kubernetes.io': { ...pod(OWN_UID), namespace: 'dev', pod: POD } },
    ],
    'no object where the namespace should be': ['claim-type', { 'kubernetes.io': 'ci' }],
  },
  unknown: {
    'the same account of another cluster': ['issuer-unknown', { iss: otherIss }],
    'a token for the API server': ['audience-wrong', { aud: [iss] }],
    'a secret that never ends': ['claims-malformed', { exp: undefined }],
  },
});

const EKS = 'https://oidc.eks.eu-central-1.amazonaws.com/id/';
const GKE = 'https://container.googleapis.com/v1/projects/acme-prod/locations/europe-west3/clusters/';
const AKS =
  'https://westeurope.oic.prod-aks.azure.com/11111111-1111-4111-8111-111111111111/22222222-2222-4222-8222-222222222222';
const SVC = 'https://kubernetes.default.svc';

/** Tokens that workloads have of their cluster or trust domain. */
export const WORKLOAD_TOKENS: readonly TokenExample[] = [
  kubernetes(
    'kubernetes-eks',
    'eks',
    `${EKS}0123456789ABCDEF0123456789ABCDEF`,
    `${EKS}FEDCBA9876543210FEDCBA9876543210`,
  ),
  kubernetes('kubernetes-gke', 'gke', `${GKE}main`, `${GKE}main2`),
  kubernetes('kubernetes-aks', 'aks', `${AKS}/`, AKS),
  kubernetes('kubernetes-own', 'k8s', `${SVC}.cluster.local`, SVC),
  {
    folder: 'spire',
    header: { typ: 'JWT' },
    lifeS: 300,
    claims: { aud: ['spiffe://prod.example/lm-token-broker'], sub: 'spiffe://prod.example/ns/ci/sa/minter' },
    service: 'spire:spiffe://prod.example/ns/ci/sa/minter',
    denied: {
      'another workload': ['no-permit', { sub: 'spiffe://prod.example/ns/ci/sa/other' }],
      'another namespace': ['forbidden', { sub: 'spiffe://prod.example/ns/dev/sa/minter' }],
    },
    unknown: {
      'another trust domain': ['issuer-unknown', { sub: 'spiffe://dev.example/ns/ci/sa/minter' }],
      'an SVID for others': ['audience-wrong', { aud: ['spiffe://prod.example/db'] }],
    },
  },
];

/** What the batch service has beside its client certificate. */
export const BATCH_TOKEN: Token = {
  header: { typ: 'JWT' },
  lifeS: 300,
  claims: {
    iss: 'https://sso.acme.example/realms/batch',
    aud: 'lm-token-broker',
    sub: '99999999-9999-4999-8999-999999999999',
  },
};
