import type { LegalHold } from "@/api/types";
import type { Translate } from "@/i18n/text";

/** What a hold keeps: `Person bob`, `Host group prod`. */
export function holdSubject({ kind, object }: Pick<LegalHold, "kind" | "object">, t: Translate): string {
  switch (kind) {
    case "session":
      return t("Session {name}", { name: object.name });
    case "user":
      return t("Person {name}", { name: object.name });
    case "host":
      return t("Host {name}", { name: object.name });
    case "host_group":
      return t("Host group {name}", { name: object.name });
  }
}
