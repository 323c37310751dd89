import { modals } from "@mantine/modals";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { fetchAll } from "@/api/pages";
import type { ApiPath } from "@/api/types";
import { useText } from "@/i18n/text";
import { showError } from "@/shell/notify";

type Collection =
  | "hosts/"
  | "host-groups/"
  | "credentials/"
  | "grants/"
  | "users/"
  | "groups/"
  | "tokens/"
  | "retention-policies/"
  | "legal-holds/";

/** Create or change an object of a collection: `save.mutate({ id, body })`. Lists and objects are fetched again after. */
export function useSave<T>(path: Collection, onSaved: (saved: T) => void) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: ({ id, body }: { id?: string | number | undefined; body: unknown }) =>
      id === undefined ? api.post<T>(path, body) : api.patch<T>(`${path}${id}/`, body),
    onSuccess: async (saved) => {
      await queryClient.invalidateQueries();
      onSaved(saved);
    },
  });
}

interface Removal {
  path: ApiPath;
  /** All texts already translated. */
  title: string;
  effect: string;
  confirm: string;
  done: string;
}

/** Ask, naming the effect, then delete; a failure is shown until it is closed. */
export function useRemove(): (removal: Removal) => void {
  const t = useText();
  const queryClient = useQueryClient();
  const remove = useMutation({
    mutationFn: (removal: Removal) => api.delete(removal.path),
    onSuccess: async (_, removal) => {
      await queryClient.invalidateQueries();
      notifications.show({ message: removal.done });
    },
    onError: (error, removal) => showError(removal.title, error),
  });
  return (removal) =>
    modals.openConfirmModal({
      title: removal.title,
      children: removal.effect,
      labels: { confirm: removal.confirm, cancel: t("Cancel") },
      confirmProps: { color: "red" },
      cancelProps: { "data-autofocus": true },
      onConfirm: () => remove.mutate(removal),
    });
}

/** A small collection as a whole, for menus in forms. */
export function useChoices<T>(path: Collection): T[] {
  return useQuery({ queryKey: ["all", path], queryFn: () => fetchAll<T>(path) }).data ?? [];
}
