import { Problem, problemOf, unreachable } from "./problem";
import type { ApiPath } from "./types";

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface Page<T> {
  next: string | null;
  previous: string | null;
  results: T[];
}

type Method = "GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE";

const signedOutListeners = new Set<() => void>();

/** Call `listener` whenever the server says that nobody is signed in any more. Returns how to stop that. */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

/** Say that nobody is signed in any more, for what learns it in another way than by a request. */
export function reportSignedOut(): void {
  for (const listener of signedOutListeners) {
    listener();
  }
}

/** `apiUrl("sessions/", { state: "live" })` is `/api/v1/sessions/?state=live`; empty values are left out. */
export function apiUrl(path: string, query: Query = {}): string {
  const used = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(used.map(([name, value]) => [name, String(value)])).toString();
  return `/api/v1/${path}${search ? `?${search}` : ""}`;
}

function csrfToken(): string {
  const found = /(?:^|;\s*)(?:__Host-)?bastion-csrf=([^;]+)/.exec(document.cookie);
  return found?.[1] ?? "";
}

/** Send a request to this server; raises `Problem` when it cannot be reached. For addresses outside of the API. */
export async function send(method: Method, url: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
  }
  if (method !== "GET" && method !== "HEAD") {
    headers["X-CSRFToken"] = csrfToken();
  }
  try {
    return await fetch(url, {
      method,
      headers,
      credentials: "same-origin",
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      throw error;
    }
    throw unreachable();
  }
}

async function request<T>(method: Method, url: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await send(method, url, body, signal);
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.status === 401) {
      reportSignedOut();
    }
    throw problem;
  }
  if (response.status === 204 || response.headers.get("Content-Length") === "0") {
    return undefined as T;
  }
  const kind = response.headers.get("Content-Type") ?? "";
  if (!kind.includes("json")) {
    throw new Problem(response.status, "", `expected JSON, got ${kind}`);
  }
  return (await response.json()) as T;
}

/** The REST API. Paths are relative to `/api/v1/`; every failure is a `Problem`. */
export const api = {
  get: <T>(path: ApiPath, query?: Query, signal?: AbortSignal) =>
    request<T>("GET", apiUrl(path, query), undefined, signal),
  /** Follow a `next` link of a page as it came. */
  follow: <T>(url: string, signal?: AbortSignal) => {
    const { pathname, search } = new URL(url, window.location.href);
    return request<T>("GET", pathname + search, undefined, signal);
  },
  post: <T>(path: ApiPath, body?: unknown) => request<T>("POST", apiUrl(path), body ?? {}),
  patch: <T>(path: ApiPath, body: unknown) => request<T>("PATCH", apiUrl(path), body),
  delete: (path: ApiPath) => request<void>("DELETE", apiUrl(path)),
};
