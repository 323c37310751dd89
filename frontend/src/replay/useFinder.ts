import { useDebouncedValue } from "@mantine/hooks";
import { useMemo, useState } from "react";
import { useRows } from "@/api/pages";
import type { SearchHit } from "@/api/types";

/** The search inside one recording: what is typed, what it found in the order of time, and which hit is looked at. */
export function useFinder(id: string, seek: (time: number) => void) {
  const [typed, setTyped] = useState("");
  const [query] = useDebouncedValue(typed.trim(), 250);
  const [current, setCurrent] = useState(-1);
  const result = useRows<SearchHit>(`sessions/${id}/search/`, { q: query }, { enabled: query !== "" });
  const { rows } = result;
  const hits = useMemo(() => (query === "" ? [] : [...rows].sort((a, b) => a.t - b.t)), [rows, query]);
  const choose = (n: number) => {
    const hit = hits[n];
    if (!hit) return;
    setCurrent(n);
    seek(hit.t);
  };
  return {
    hits,
    typed,
    setTyped: (next: string) => {
      setTyped(next);
      setCurrent(-1);
    },
    result,
    current,
    choose,
    go: (direction: 1 | -1) => {
      if (hits.length > 0)
        choose((current + direction + hits.length + (current < 0 && direction < 0 ? 1 : 0)) % hits.length);
    },
  };
}

export type Finder = ReturnType<typeof useFinder>;
