import { Button, Group, PasswordInput, Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { api } from "@/api/client";
import { Problem } from "@/api/problem";
import { useText } from "@/i18n/text";
import { ErrorAlert } from "@/shell/Feedback";

export function PasswordSettings() {
  const t = useText();
  const form = useForm({
    initialValues: { current: "", new: "", again: "" },
    validate: { again: (value, all) => (value === all.new ? null : t("The two passwords differ.")) },
  });
  const change = useMutation({
    mutationFn: (values: { current: string; new: string }) => api.post("me/password/", values),
    onSuccess: () => {
      form.reset();
      notifications.show({ message: t("Your password is changed. Your other sign-ins have ended.") });
    },
    onError: (error) => error instanceof Problem && form.setErrors(error.fields),
  });
  const isAtField = change.error instanceof Problem && change.error.errors.length > 0;
  const eye = { "aria-label": t("Show the password") };
  return (
    <form onSubmit={form.onSubmit(({ current, new: chosen }) => change.mutate({ current, new: chosen }))}>
      <Stack gap="md" maw={420}>
        <Text size="sm" c="dimmed">
          {t("Changing it ends your other sign-ins and their terminals within 5 s.")}
        </Text>
        {change.error && !isAtField && <ErrorAlert error={change.error} title={t("The password was not changed.")} />}
        <PasswordInput
          label={t("Current password")}
          autoComplete="current-password"
          required
          withAsterisk={false}
          visibilityToggleButtonProps={eye}
          {...form.getInputProps("current")}
        />
        <PasswordInput
          label={t("New password")}
          description={t("At least 10 characters.")}
          autoComplete="new-password"
          required
          withAsterisk={false}
          visibilityToggleButtonProps={eye}
          {...form.getInputProps("new")}
        />
        <PasswordInput
          label={t("New password again")}
          autoComplete="new-password"
          required
          withAsterisk={false}
          visibilityToggleButtonProps={eye}
          {...form.getInputProps("again")}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={change.isPending}>
            {t("Change password")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
