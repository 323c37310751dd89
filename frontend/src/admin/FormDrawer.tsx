import { Button, Drawer, Group, Stack } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { getHotkeyHandler } from "@mantine/hooks";
import { modals } from "@mantine/modals";
import { type FormEvent, type ReactNode, useEffect } from "react";
import { Problem } from "@/api/problem";
import { useText } from "@/i18n/text";
import { ErrorAlert } from "@/shell/Feedback";

// A form of any shape: the drawer reads only whether it was changed.
// biome-ignore lint/suspicious/noExplicitAny: the type of the values is the caller's business
type AnyForm = UseFormReturnType<any>;

interface FormDrawerProps {
  /** All texts already translated. */
  title: string;
  submitLabel: string;
  form: AnyForm;
  close: () => void;
  submit: () => void;
  isSaving: boolean;
  error: unknown;
  /** Something to save before anything was changed, as when a suggestion is taken as it stands. */
  canSubmit?: boolean;
  /** Fields that the server knows and the form does not: at which of its own fields their messages stand. */
  errorPlaces?: Record<string, string>;
  children: ReactNode;
}

/** A form beside its list. Ctrl-Enter saves; leaving with changes asks; what the server refuses stands at its field. */
export function FormDrawer(props: FormDrawerProps) {
  const { title, submitLabel, form, close, submit, isSaving, error, canSubmit = false, errorPlaces, children } = props;
  const t = useText();
  const isDirty = form.isDirty();
  const setErrors = form.setErrors;
  useEffect(() => {
    if (error instanceof Problem) {
      setErrors(Object.fromEntries(error.errors.map(({ field, message }) => [placeOf(field, errorPlaces), message])));
    }
  }, [error, setErrors, errorPlaces]);
  const leave = () => {
    if (!isDirty) {
      close();
      return;
    }
    modals.openConfirmModal({
      title: t("Leave without saving?"),
      children: t("What you entered here is lost."),
      labels: { confirm: t("Leave"), cancel: t("Stay") },
      confirmProps: { color: "red" },
      cancelProps: { "data-autofocus": true },
      onConfirm: close,
    });
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    submit();
  };
  return (
    <Drawer opened onClose={leave} title={title} size="lg">
      <form onSubmit={onSubmit} onKeyDown={getHotkeyHandler([["mod+Enter", () => submit()]])} noValidate>
        <Stack gap="md">
          {Boolean(error) && !isFieldProblem(error, form, errorPlaces) && <ErrorAlert error={error} />}
          {children}
          <Group justify="flex-end" mt="md">
            <Button variant="default" onClick={leave}>
              {t("Cancel")}
            </Button>
            <Button type="submit" loading={isSaving} disabled={!isDirty && !canSubmit}>
              {submitLabel}
            </Button>
          </Group>
        </Stack>
      </form>
    </Drawer>
  );
}

/** Whether every message of the problem has a field in the form to stand at. */
function isFieldProblem(error: unknown, form: AnyForm, places: FormDrawerProps["errorPlaces"]): boolean {
  return (
    error instanceof Problem &&
    error.errors.length > 0 &&
    error.errors.every(({ field }) => Object.hasOwn(form.getValues(), placeOf(field, places)))
  );
}

/** `labels.env` stands at `labels`. */
function placeOf(field: string, places: FormDrawerProps["errorPlaces"]): string {
  const name = field.split(".")[0] ?? "";
  return places?.[name] ?? name;
}
