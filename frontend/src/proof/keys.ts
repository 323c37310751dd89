import { queryOptions } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { KeyList } from "@/api/types";

/** The public keys that seals and checkpoints were ever signed with, oldest first. */
export const keysQuery = queryOptions({
  queryKey: ["ledger/keys/"],
  queryFn: ({ signal }) => api.get<KeyList>("ledger/keys/", {}, signal),
  select: ({ results }) => results,
});
