import { z } from 'zod';
import { mintBodySchema } from '../mint/request.ts';
import {
  adminPathSchema,
  dryRunAnswerSchema,
  healthSchema,
  mintAnswerSchema,
  mintQuerySchema,
  readySchema,
} from './schemas.ts';

/** What the OpenAPI document says of each operation, and what its answers are cut to. */
export const OPERATIONS = {
  mintToken: {
    method: 'POST',
    url: '/admins/:id/tokens',
    schema: {
      operationId: 'mintToken',
      summary: 'Mint a LogicMonitor API token for an admin.',
      description:
        'The secret is in this answer and nowhere else. The request is recorded before LogicMonitor is called, and again before the secret leaves.',
      tags: ['tokens'],
      security: [{ jwt: [] }, { certificate: [] }],
      params: adminPathSchema,
      querystring: mintQuerySchema,
      body: mintBodySchema,
      response: { 200: dryRunAnswerSchema, 201: mintAnswerSchema },
    },
  },
  health: {
    method: 'GET',
    url: '/healthz',
    schema: {
      operationId: 'health',
      summary: 'Whether the process answers.',
      tags: ['service'],
      response: { 200: healthSchema },
    },
  },
  readiness: {
    method: 'GET',
    url: '/readyz',
    schema: {
      operationId: 'readiness',
      summary: 'Whether requests should be sent here, and how each part is.',
      tags: ['service'],
      response: { 200: readySchema, 503: readySchema },
    },
  },
  document: {
    method: 'GET',
    url: '/openapi.json',
    schema: {
      operationId: 'document',
      summary: 'This document.',
      tags: ['service'],
      response: { 200: z.looseObject({}).describe('An OpenAPI 3.1 document.') },
    },
  },
} as const;
