import { CloseButton, Kbd, TextInput, type TextInputProps } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useRef } from "react";
import { useText } from "@/i18n/text";
import { usePageKey } from "./keys";

interface FilterBoxProps extends Omit<TextInputProps, "onChange" | "value"> {
  value: string;
  onChange: (value: string) => void;
  /** Already translated; says what can be typed, and is the accessible name. */
  placeholder: string;
}

/** The filter of a page; `/` goes there, Escape empties it. */
export function FilterBox({ value, onChange, placeholder, ...rest }: FilterBoxProps) {
  const t = useText();
  const input = useRef<HTMLInputElement>(null);
  usePageKey("/", t("Filter this page"), () => input.current?.focus());
  return (
    <TextInput
      ref={input}
      type="search"
      size="xs"
      w={{ base: "100%", xs: 300 }}
      leftSection={<IconSearch size={15} aria-hidden="true" />}
      rightSection={
        value ? (
          <CloseButton size="sm" aria-label={t("Clear filter")} onClick={() => onChange("")} />
        ) : (
          <Kbd size="xs" aria-hidden="true">
            /
          </Kbd>
        )
      }
      {...rest}
      value={value}
      placeholder={placeholder}
      aria-label={placeholder}
      onChange={(event) => onChange(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.nativeEvent.isComposing) {
          onChange("");
          event.currentTarget.blur();
        }
      }}
    />
  );
}
