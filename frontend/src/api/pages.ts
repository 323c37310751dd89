import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { api, type Page, type Query } from "./client";
import type { ApiPath } from "./types";

/**
 * All pages of a collection that were asked for so far.
 *
 * `rows` is flat and stays (dimmed by `isPlaceholderData`) while another filter is being fetched; `fetchNextPage` adds the next page.
 */
export function useRows<T>(
  path: ApiPath,
  query: Query = {},
  options: { enabled?: boolean; refetchInterval?: number } = {},
) {
  const result = useInfiniteQuery({
    queryKey: [path, query],
    queryFn: ({ pageParam, signal }) =>
      pageParam ? api.follow<Page<T>>(pageParam, signal) : api.get<Page<T>>(path, query, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    ...options,
  });
  return { ...result, rows: result.data?.pages.flatMap((page) => page.results) ?? [] };
}

/** Every row of a collection that is small by nature (groups, credentials), for menus. */
export async function fetchAll<T>(path: ApiPath, query: Query = {}): Promise<T[]> {
  const rows: T[] = [];
  let page = await api.get<Page<T>>(path, { page_size: 200, ...query });
  rows.push(...page.results);
  while (page.next) {
    page = await api.follow<Page<T>>(page.next);
    rows.push(...page.results);
  }
  return rows;
}
