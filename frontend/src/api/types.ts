import type { components, paths } from "./schema";

/** Names for what the API sends; schema.d.ts is generated from the server's own schema by `npm run types`. */
type Schemas = components["schemas"];

export type Action = Schemas["ActionsEnum"];
export type AuditEvent = Schemas["AuditEvent"];
export type Command = Schemas["Command"];
export type CreatedToken = Schemas["CreatedToken"];
export type Credential = Schemas["Credential"];
export type Grant = Schemas["Grant"];
export type Group = Schemas["Group"];
/** What may be left out when a host is written is always there when it is read. */
export type Host = Required<Schemas["Host"]>;
export type HostGroup = Schemas["HostGroup"];
export type HostKey = Schemas["HostKey"];
export type Instance = Schemas["Instance"];
export type KeyList = Schemas["Keys"];
export type Ledger = Schemas["LedgerStatus"];
export type LegalHold = Schemas["LegalHold"];
export type Me = Schemas["Me"];
export type Named = Schemas["Named"];
export type Numbered = Schemas["Numbered"];
export type Pin = Schemas["PinRequest"];
export type RetentionPolicy = Schemas["RetentionPolicy"];
export type RetentionPreview = Schemas["RetentionPreview"];
export type ScannedKeys = Schemas["ScannedKeys"];
/** `marks` are pairs of code point offsets into `snippet`; OpenAPI 3.0 cannot say how long an array is. */
export type SearchHit = Omit<Schemas["SearchHit"], "marks"> & { marks: [number, number][] };
/** OpenAPI 3.0 cannot say what stands where in an array. */
export type Session = Omit<Schemas["Session"], "gaps"> & {
  readonly gaps: [from: number, until: number | null, words: string][];
};
export type SessionState = Schemas["SessionState"];
export type Token = Schemas["Token"];
export type User = Schemas["User"];
export type Verification = Schemas["Report"];
export type VerificationKey = Schemas["VerificationKey"];

/** `/api/v1/hosts/{id}/` with any text in place of the braces. */
type Filled<Path extends string> = Path extends `${infer Start}{${string}}${infer End}`
  ? `${Start}${string}${Filled<End>}`
  : Path;

type Relative<Path extends string> = Path extends `/api/v1/${infer Rest}` ? Filled<Rest> : never;

/** What the API answers at, below `/api/v1/`. */
export type ApiPath = Relative<keyof paths & string>;
