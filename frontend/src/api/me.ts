import { queryOptions, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { api } from "./client";
import { Problem } from "./problem";
import type { Instance, Me } from "./types";

export const instanceQuery = queryOptions({
  queryKey: ["instance"],
  queryFn: () => api.get<Instance>("instance/"),
  staleTime: Number.POSITIVE_INFINITY,
});

/** What the server knew when it served the page; spares a request that would be refused. */
let mayBeSignedIn = document.querySelector<HTMLMetaElement>("meta[name=signed-in]")?.content !== "no";

export function noteSignIn(): void {
  mayBeSignedIn = true;
}

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async () => {
    if (!mayBeSignedIn) {
      throw new Problem(401, "", "");
    }
    return api.get<Me>("me/");
  },
  staleTime: 60_000,
  retry: false,
});

/** Only below the shell, which has fetched it. */
export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

export function useInstance(): Instance | undefined {
  return useQuery(instanceQuery).data;
}
