import { text } from "@/i18n/text";

export interface FieldError {
  field: string;
  message: string;
}

/** What the server said was wrong (RFC 9457), or that it could not be reached (status 0). */
export class Problem extends Error {
  override name = "Problem";

  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[] = [],
    readonly requestId = "",
    readonly retryAfter = 0,
  ) {
    super(detail || title);
  }

  /** The message of each field that was refused, for Mantine's `form.setErrors`. */
  get fields(): Record<string, string> {
    return Object.fromEntries(this.errors.map(({ field, message }) => [field, message]));
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof Problem && error.status === 404;
}

export async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get("X-Request-Id") ?? "";
  const retryAfter = Number(response.headers.get("Retry-After") ?? 0) || 0;
  const body = (await response.json().catch(() => ({}))) as { title?: string; detail?: string; errors?: FieldError[] };
  const title = body.title ?? text("The server answered with status {status}.", { status: response.status });
  return new Problem(response.status, title, body.detail ?? "", body.errors ?? [], requestId, retryAfter);
}

export function unreachable(): Problem {
  return new Problem(0, text("The server cannot be reached."), text("Check the network, then try again."));
}
