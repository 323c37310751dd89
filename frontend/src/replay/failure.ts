import { send } from "@/api/client";
import { type Problem, problemOf } from "@/api/problem";
import { failedAddress } from "./address";

/** The server's own words for what the player could not fetch; null when there are none, or it would work again. */
export async function problemBehind(reason: unknown): Promise<Problem | null> {
  const address = failedAddress(reason);
  if (address === null) return null;
  const answer = await send("GET", address).catch(() => null);
  return answer === null || answer.ok ? null : problemOf(answer);
}
