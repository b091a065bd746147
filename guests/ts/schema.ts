/** Checks values against the schemas in models.ts: the part of JSON Schema that the contracts use. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maxLength?: number;
}

export type Schemas = Readonly<Record<string, Schema>>;

/** What is wrong with a value, or an empty text. Unknown fields are not: they are newer. */
export function faultOf(value: unknown, schema: Schema, schemas: Schemas, where: string): string {
  if (schema.$ref) return faultOf(value, schemas[schema.$ref], schemas, where);
  if (schema.anyOf) {
    const faults = schema.anyOf.map((each) => faultOf(value, each, schemas, where));
    return faults.includes("") ? "" : faults[0];
  }
  if ("const" in schema && value !== schema.const) return `${where} is not ${schema.const}`;
  if (schema.enum && !schema.enum.includes(value)) return `${where} is none of the known values`;
  if (schema.type && !isOfType(value, schema.type)) return `${where} is no ${schema.type}`;
  if (schema.minimum !== undefined && (value as number) < schema.minimum) return `${where} is too low`;
  if (schema.maxLength !== undefined && (value as string).length > schema.maxLength) {
    return `${where} is too long`;
  }
  return faultWithin(value, schema, schemas, where);
}

function faultWithin(value: unknown, schema: Schema, schemas: Schemas, where: string): string {
  if (Array.isArray(value) && schema.items) {
    for (const [index, item] of value.entries()) {
      const fault = faultOf(item, schema.items, schemas, `${where}[${index}]`);
      if (fault) return fault;
    }
  }
  if (schema.type !== "object") return "";
  const fields = value as Record<string, unknown>;
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(fields, name)) return `${where}.${name} is missing`;
  }
  for (const [name, own] of Object.entries(schema.properties ?? {})) {
    const fault = Object.hasOwn(fields, name) ? faultOf(fields[name], own, schemas, `${where}.${name}`) : "";
    if (fault) return fault;
  }
  return "";
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}
