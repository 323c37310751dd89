import { notifications } from "@mantine/notifications";
import { translateServerWords } from "@/i18n/serverWords";
import { text } from "@/i18n/text";

/** A failure beside the page, which stays until it is closed. */
export function showError(title: string, error: unknown): void {
  notifications.show({
    color: "red",
    title,
    message: error instanceof Error ? translateServerWords(error.message, text) : text("That did not work."),
    autoClose: false,
  });
}
