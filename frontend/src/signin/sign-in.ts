import { send } from "@/api/client";
import { noteSignIn } from "@/api/me";
import { Problem, problemOf } from "@/api/problem";
import { text } from "@/i18n/text";

const session = "/_allauth/browser/v1/auth/session";
const login = "/_allauth/browser/v1/auth/login";

/** What allauth's headless API answers when it refuses. */
interface Refusal {
  errors?: { code: string; message: string }[];
}

/** Sign in; raises `Problem` with words for the person, which never tell whether the user exists. */
export async function signIn(username: string, password: string): Promise<void> {
  const response = await send("POST", login, { username, password });
  // 409: somebody is signed in here already.
  if (response.ok || response.status === 409) {
    noteSignIn();
    return;
  }
  if (response.status !== 400 && response.status !== 429) {
    throw await problemOf(response);
  }
  const refusal = (await response.json().catch(() => ({}))) as Refusal;
  const isTooMany = response.status === 429 || refusal.errors?.some(({ code }) => code === "too_many_login_attempts");
  throw isTooMany
    ? new Problem(429, text("Too many attempts. Wait a few minutes, then try again."), "")
    : new Problem(400, text("The user name or the password is not right."), "");
}

/** Sign out. The server answers 401, which here means that it worked. */
export async function signOut(): Promise<void> {
  const response = await send("DELETE", session);
  if (!response.ok && response.status !== 401) {
    throw await problemOf(response);
  }
}
