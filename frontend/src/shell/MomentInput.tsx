import type { MantineSize } from "@mantine/core";
import { DateTimePicker } from "@mantine/dates";
import type { ReactNode } from "react";
import { useText } from "@/i18n/text";

interface MomentInputProps {
  /** All texts already translated. */
  label: string;
  placeholder?: string;
  /** An ISO time, or nothing. */
  value: string;
  onChange: (value: string) => void;
  error?: ReactNode;
  size?: MantineSize;
  /** False inside of a popover, which would take a click in the calendar for one outside of itself. */
  withinPortal?: boolean;
}

/** A day and a time of it, in the zone of this computer. */
export function MomentInput({ value, onChange, withinPortal = true, ...rest }: MomentInputProps) {
  const t = useText();
  return (
    <DateTimePicker
      {...rest}
      clearable
      clearButtonProps={{ "aria-label": t("Clear") }}
      popoverProps={{ withinPortal }}
      timePickerProps={{ hoursInputLabel: t("Hours"), minutesInputLabel: t("Minutes") }}
      submitButtonProps={{ "aria-label": t("Take this time") }}
      ariaLabels={{
        previousMonth: t("Month before"),
        nextMonth: t("Next month"),
        previousYear: t("Year before"),
        nextYear: t("Next year"),
        previousDecade: t("Decade before"),
        nextDecade: t("Next decade"),
      }}
      // Red is for what is broken, and gray days of other months have too little contrast.
      weekendDays={[]}
      hideOutsideDates
      valueFormat="YYYY-MM-DD HH:mm"
      value={value ? new Date(value) : null}
      onChange={(chosen) => onChange(chosen ? new Date(chosen).toISOString() : "")}
    />
  );
}
