import type { TokenExample } from './tokens.ts';

const BROKER = 'https://lm-token-broker.acme.example';
const JWT = { typ: 'JWT' };
const uuid = (end: string) => `01900000-0000-4000-8000-0000000000${end}`;
const CIRCLECI = 'oidc.circleci.com';
const JENKINS = 'https://jenkins.acme.example';

/** Tokens that jobs have of their CI. */
export const CI_TOKENS: readonly TokenExample[] = [
  {
    folder: 'github-actions',
    header: { ...JWT, x5t: 'eBkOUaLzlLSEqSZFJYFvAtuI8Nk' },
    lifeS: 300,
    nbfS: -600,
    claims: {
      iss: 'https://token.actions.githubusercontent.com',
      aud: BROKER,
      sub: 'repo:acme@44/arm@99:ref:refs/heads/main',
      jti: 'b5a1c4a4-0000-4000-8000-000000000000',
      ref: 'refs/heads/main',
      ref_type: 'branch',
      repository: 'acme/arm',
      repository_id: '99',
      repository_owner: 'acme',
      repository_owner_id: '44',
      event_name: 'push',
      actor: 'ann',
      actor_id: '12',
      run_id: '8100000001',
      run_attempt: '1',
      head_ref: '',
      base_ref: '',
      runner_environment: 'github-hosted',
      workflow_ref: 'acme/arm/.github/workflows/release.yml@refs/heads/main',
      job_workflow_ref: 'acme/arm/.github/workflows/release.yml@refs/heads/main',
    },
    service: 'github:repo:acme@44/arm@99:ref:refs/heads/main',
    denied: {
      'a pull request': [
        'forbidden',
        {
          sub: 'repo:acme@44/arm@99:pull_request',
          ref: 'refs/pull/7/merge',
          event_name: 'pull_request',
        },
      ],
      'a pull request of a fork that runs with an environment': [
        'forbidden',
        { sub: 'repo:acme@44/arm@99:environment:production', event_name: 'pull_request_target' },
      ],
      'a comment by anybody': ['forbidden', { event_name: 'issue_comment' }],
      'a fork': [
        'no-permit',
        { sub: 'repo:mal@70/arm@71:ref:refs/heads/main', repository_id: '71', repository_owner_id: '70' },
      ],
      'another repository whose template makes the same subject': ['no-permit', { repository_id: '71' }],
      'numbers that are numbers': ['claim-type', { repository_id: 99 }],
    },
    unknown: {
      'a job that asked for another audience': ['audience-wrong', { aud: 'https://github.com/acme' }],
      'an enterprise’s own issuer': [
        'issuer-unknown',
        { iss: 'https://token.actions.githubusercontent.com/acme' },
      ],
    },
  },
  {
    folder: 'gitlab-ci',
    header: JWT,
    lifeS: 3600,
    nbfS: -5,
    claims: {
      iss: 'https://gitlab.com',
      aud: BROKER,
      sub: 'project_path:acme/arm:ref_type:branch:ref:main',
      jti: 'c0c0c0c0-0000-4000-8000-000000000000',
      namespace_id: '3044',
      namespace_path: 'acme',
      project_id: '3099',
      project_path: 'acme/arm',
      job_project_id: '3099',
      job_project_path: 'acme/arm',
      user_id: '12',
      user_identities: [{ provider: 'saml', extern_uid: 'ann' }],
      pipeline_id: '5001',
      pipeline_source: 'push',
      job_id: '6001',
      ref: 'main',
      ref_type: 'branch',
      ref_path: 'refs/heads/main',
      ref_protected: 'true',
      runner_id: 1,
      runner_environment: 'gitlab-hosted',
    },
    service: 'gitlab:project_path:acme/arm:ref_type:branch:ref:main',
    denied: {
      'a merge request of a fork that runs in the project': [
        'forbidden',
        { project_id: '7001', pipeline_source: 'merge_request_event' },
      ],
      'the same, by an older GitLab': ['forbidden', { pipeline_source: 'merge_request_event' }],
      'a branch that is not protected': ['forbidden', { ref_protected: 'false' }],
      'another project under the old path': ['no-permit', { project_id: '7001', job_project_id: '7001' }],
      'a flag that is no text': ['claim-type', { ref_protected: true }],
    },
    unknown: {
      'a person’s web login': ['audience-wrong', { sub: '12', aud: '2d1f3e7c' }],
    },
  },
  {
    folder: 'buildkite',
    header: {},
    lifeS: 300,
    nbfS: 0,
    claims: {
      iss: 'https://agent.buildkite.com',
      aud: BROKER,
      sub: `organization:acme:pipeline:arm-release:ref:refs/heads/main:commit:${'a'.repeat(40)}:step:mint`,
      organization_id: uuid('44'),
      organization_slug: 'acme',
      pipeline_id: uuid('aa'),
      pipeline_slug: 'arm-release',
      build_number: 17,
      build_branch: 'main',
      step_key: null,
      job_id: uuid('17'),
    },
    service: `buildkite:${uuid('aa')}`,
    denied: {
      'another customer’s pipeline': ['forbidden', { organization_id: uuid('77') }],
      'another pipeline': ['no-permit', { pipeline_id: uuid('ab') }],
      'another branch': ['no-permit', { build_branch: 'mal:main' }],
      'a branch that is no text': ['claim-type', { build_branch: null }],
    },
    unknown: {
      'a token that does not tell its pipeline': ['subject-unfit', { pipeline_id: undefined }],
      'a job that asked for the default audience': ['audience-wrong', { aud: 'https://buildkite.com/acme' }],
    },
  },
  {
    folder: 'circleci',
    header: { typ: 'JWT' },
    lifeS: 3600,
    claims: {
      iss: `https://${CIRCLECI}/org/${uuid('c1')}`,
      aud: BROKER,
      sub: `org/${uuid('c1')}/project/${uuid('c2')}/user/${uuid('12')}`,
      [`${CIRCLECI}/project-id`]: uuid('c2'),
      [`${CIRCLECI}/context-ids`]: [uuid('c3')],
      [`${CIRCLECI}/vcs-origin`]: 'github.com/acme/arm',
      [`${CIRCLECI}/vcs-ref`]: 'refs/heads/main',
      [`${CIRCLECI}/ssh-rerun`]: false,
      [`${CIRCLECI}/job-id`]: uuid('17'),
    },
    service: `circleci:${uuid('c2')}`,
    denied: {
      'a pull request of a fork': ['forbidden', { [`${CIRCLECI}/vcs-ref`]: 'refs/heads/pull/7' }],
      'a job that somebody can log in to': ['forbidden', { [`${CIRCLECI}/ssh-rerun`]: true }],
      'another project of the organisation': ['no-permit', { [`${CIRCLECI}/project-id`]: uuid('d2') }],
      'a flag that is text': ['claim-type', { [`${CIRCLECI}/ssh-rerun`]: 'false' }],
    },
    unknown: {
      'another organisation': ['issuer-unknown', { iss: `https://${CIRCLECI}/org/${uuid('d1')}` }],
      'a project that is claimed by a shorter name': [
        'subject-unfit',
        { [`${CIRCLECI}/project-id`]: undefined, 'project-id': uuid('c2') },
      ],
    },
  },
  {
    folder: 'jenkins',
    header: {},
    lifeS: 3600,
    claims: {
      iss: `${JENKINS}/oidc/job/release`,
      aud: BROKER,
      sub: `${JENKINS}/job/release/job/arm/job/main/`,
      build_number: 17,
    },
    service: `jenkins:${JENKINS}/job/release/job/arm/job/main/`,
    denied: {
      'a pull request': ['forbidden', { sub: `${JENKINS}/job/release/job/arm/job/PR-7/` }],
      'a job of another folder': ['forbidden', { sub: `${JENKINS}/job/dev/job/arm/` }],
      'the job’s URL without its slash': ['no-permit', { sub: `${JENKINS}/job/release/job/arm/job/main` }],
    },
    unknown: {
      'a credential of another folder': ['issuer-unknown', { iss: `${JENKINS}/oidc/job/dev` }],
      'an entry without an audience': ['claims-malformed', { aud: undefined }],
    },
  },
];
