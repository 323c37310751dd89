import { Alert, Button, Group, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { useText } from "@/i18n/text";
import { signIn } from "./sign-in";

interface SignInFormProps {
  onSignedIn: () => void;
  /** When the same person has to sign in again. */
  username?: string;
}

export function SignInForm({ onSignedIn, username = "" }: SignInFormProps) {
  const t = useText();
  const form = useForm({ mode: "uncontrolled", initialValues: { username, password: "" } });
  const signing = useMutation({
    mutationFn: (values: { username: string; password: string }) => signIn(values.username, values.password),
    onSuccess: onSignedIn,
    onError: () => form.setFieldValue("password", ""),
  });
  return (
    <form onSubmit={form.onSubmit((values) => signing.mutate(values))}>
      <Stack gap="md">
        {signing.error && (
          <Alert color="red" role="alert">
            {signing.error.message}
          </Alert>
        )}
        <TextInput
          label={t("User name")}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          withAsterisk={false}
          readOnly={username !== ""}
          data-autofocus={username === "" || undefined}
          {...form.getInputProps("username")}
          key={form.key("username")}
        />
        <PasswordInput
          label={t("Password")}
          name="password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          visibilityToggleFocusable
          visibilityToggleButtonProps={{ "aria-label": t("Show the password") }}
          data-autofocus={username !== "" || undefined}
          {...form.getInputProps("password")}
          key={form.key("password")}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={signing.isPending}>
            {t("Sign in")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
