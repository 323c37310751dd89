import type { SearchHit } from "@/api/types";
import { msg } from "@/i18n/text";

export const kindWords: Record<SearchHit["kind"], string> = {
  output: msg("screen"),
  command: msg("command"),
  title: msg("title"),
};
