import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";

/**
 * The state of a page, as it stands in the address: `const [state, setState] = useUrlState({ q: "", outcome: "" })`.
 *
 * Values are strings; one that equals its default is left out of the address. `replace` (while typing) keeps it out of the history.
 */
export function useUrlState<T extends Record<string, string>>(
  defaults: T,
): [state: T, setState: (change: Partial<T>, options?: { replace?: boolean }) => void] {
  const search = useSearch({ strict: false }) as Record<string, string | undefined>;
  const navigate = useNavigate();
  const kept = JSON.stringify(defaults);
  const state = useMemo(() => {
    const known = JSON.parse(kept) as T;
    const taken = Object.keys(known).filter((name) => search[name] !== undefined);
    return { ...known, ...Object.fromEntries(taken.map((name) => [name, search[name]])) } as T;
  }, [search, kept]);
  const setState = useCallback(
    (change: Partial<T>, { replace = false } = {}) => {
      const known = JSON.parse(kept) as T;
      void navigate({
        to: ".",
        search: (previous: Record<string, string | undefined>) => {
          const next = { ...previous, ...change } as Record<string, string | undefined>;
          return Object.fromEntries(
            Object.entries(next).filter(([name, value]) => value !== undefined && value !== (known[name] ?? "")),
          );
        },
        hash: true,
        replace,
        resetScroll: false,
      });
    },
    [navigate, kept],
  );
  return [state, setState];
}
