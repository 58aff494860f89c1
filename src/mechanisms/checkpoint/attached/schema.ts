/**
 * A small part of JSON Schema: enough to say what the operations of attached members take, in one place for the machine that reads them and
 * for the OpenAPI document.
 *
 * Boundary: pure. A schema of this form means the same in JSON Schema 2020-12.
 */
export type Schema =
  | { readonly type: 'string'; readonly minLength?: number; readonly maxLength: number; readonly pattern?: string }
  | { readonly type: 'string'; readonly enum: readonly string[] }
  | { readonly type: 'integer'; readonly minimum: number; readonly maximum: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'array'; readonly items: Schema; readonly minItems?: number; readonly maxItems: number }
  | { readonly anyOf: readonly Schema[] }
  | { readonly type: 'null' }
  | ObjectSchema
  | MapSchema

export interface ObjectSchema {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, Schema>>
  readonly required: readonly string[]
  readonly additionalProperties: false
}

export interface MapSchema {
  readonly type: 'object'
  readonly additionalProperties: Schema
}

/** An object with these properties and no others; all but the `optional` have to be there. */
export function objectOf(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): ObjectSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

/** What is wrong with the value, and where; undefined: it fits. */
export function misfit(schema: Schema, value: unknown, where = 'the body'): string | undefined {
  if ('anyOf' in schema) {
    const wrong = schema.anyOf.map((one) => misfit(one, value, where))
    return wrong.includes(undefined) ? undefined : wrong[0]
  }
  switch (schema.type) {
    case 'null':
      return value === null ? undefined : `${where} is not null`
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${where} is no boolean`
    case 'integer':
      return isWithin(schema, value) ? undefined : `${where} is no whole number from ${schema.minimum} to ${schema.maximum}`
    case 'string':
      return stringMisfit(schema, value, where)
    case 'array':
      return arrayMisfit(schema, value, where)
    case 'object':
      return objectMisfit(schema, value, where)
  }
}

function isWithin({ minimum, maximum }: { readonly minimum: number; readonly maximum: number }, value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum
}

function stringMisfit(schema: Extract<Schema, { readonly type: 'string' }>, value: unknown, where: string): string | undefined {
  if (typeof value !== 'string') return `${where} is no string`
  if ('enum' in schema) return schema.enum.includes(value) ? undefined : `${where} is none of ${schema.enum.join(', ')}`
  const { minLength = 0, maxLength, pattern } = schema
  if (value.length < minLength || value.length > maxLength)
    return `${where} has ${value.length} characters: expected ${minLength} to ${maxLength}`
  return pattern === undefined || new RegExp(pattern, 'u').test(value) ? undefined : `${where} does not match ${pattern}`
}

function arrayMisfit(schema: Extract<Schema, { readonly type: 'array' }>, value: unknown, where: string): string | undefined {
  if (!Array.isArray(value)) return `${where} is no array`
  const { items, minItems = 0, maxItems } = schema
  if (value.length < minItems || value.length > maxItems)
    return `${where} has ${value.length} items: expected ${minItems} to ${maxItems}`
  for (const [i, item] of value.entries()) {
    const wrong = misfit(items, item, `${where}[${i}]`)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function objectMisfit(schema: ObjectSchema | MapSchema, value: unknown, where: string): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${where} is no object`
  const entries = Object.entries(value)
  if (!('properties' in schema))
    return firstOf(entries, ([name, item]) => misfit(schema.additionalProperties, item, `${where}.${name}`))
  const { properties, required } = schema
  const missing = required.find((name) => !Object.hasOwn(value, name))
  if (missing !== undefined) return `${where} lacks ${missing}`
  return firstOf(entries, ([name, item]) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined
    return property === undefined
      ? `${where} has ${JSON.stringify(name)}, which is not known`
      : misfit(property, item, `${where}.${name}`)
  })
}

function firstOf<T>(items: readonly T[], wrongOf: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const wrong = wrongOf(item)
    if (wrong !== undefined) return wrong
  }
  return undefined
}
