import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Verification } from "@/api/types";

/** The check of a recording, made when `refetch` is called and never by itself: each one is a line in the ledger. */
export function useVerification(id: string) {
  return useQuery({
    queryKey: ["verification", id],
    queryFn: () => api.get<Verification>(`sessions/${id}/verify`),
    enabled: false,
    retry: false,
    gcTime: 30 * 60_000,
  });
}
