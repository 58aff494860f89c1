/**
 * The OpenAPI document of the service, made of the table by which requests are read.
 *
 * Boundary: pure.
 */
import type { Schema } from './schema.ts'
import { OPERATIONS, type OperationEntry } from './schemas.ts'

/** What every refusal looks like. */
export const REFUSAL: Schema = {
  type: 'object',
  properties: { code: { type: 'string', maxLength: 100 }, message: { type: 'string', maxLength: 10_000 } },
  required: ['code', 'message'],
  additionalProperties: false,
}

/** OpenAPI 3.1; its schemas are JSON Schema 2020-12. */
export function openApiDocument(url: string): Readonly<Record<string, unknown>> {
  const operations = Object.entries(OPERATIONS).map(([name, entry]) => [
    `/checkpoint/${name}`,
    { post: operationOf(name, entry) },
  ])
  return {
    openapi: '3.1.0',
    info: {
      title: 'Checkpoint groups: the service of attached members',
      version: '1',
      description:
        'Objects save when they like; the service says when they have to before a message is delivered, and where all go back to when one fails. Every operation can be called twice.',
    },
    servers: [{ url }],
    security: [{ bearer: [] }, {}],
    paths: { ...Object.fromEntries(operations), ...downloads() },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Refusal: REFUSAL },
    },
  }
}

function operationOf(name: string, { summary, body, answer }: OperationEntry): object {
  return {
    operationId: name,
    summary,
    requestBody: { required: true, content: { 'application/json': { schema: body } } },
    responses: {
      200: { description: 'What it came to.', content: { 'application/json': { schema: answer } } },
      default: {
        description: 'A refusal: what happened, what was expected, what to do.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Refusal' } } },
      },
    },
  }
}

function downloads(): object {
  const file = (operationId: string, summary: string, type: string) => ({
    get: { operationId, summary, responses: { 200: { description: 'The file.', content: { [type]: { schema: {} } } } } },
  })
  return {
    '/checkpoint/openapi.json': file('openapi', 'This document.', 'application/json'),
    '/checkpoint/proxy.mjs': file('proxyForJavaScript', 'The proxy for Node and browsers.', 'text/javascript'),
    '/checkpoint/proxy.py': file('proxyForPython', 'The proxy for Python 3.', 'text/x-python'),
  }
}
