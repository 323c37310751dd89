import { Group, Kbd, Modal, Table } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useText } from "@/i18n/text";
import { usePageKey, usePageKeys } from "./keys";

/** `?` lists the keys of the page that is shown. */
export function KeysDialog() {
  const t = useText();
  const [isOpen, { open, close }] = useDisclosure(false);
  const label = t("Show the keys of this page");
  usePageKey("?", label, open);
  const keys = usePageKeys();
  const unique = [...new Map(keys.map((entry) => [entry.keys, entry])).values()];
  return (
    <Modal opened={isOpen} onClose={close} title={t("Keys")}>
      <Table>
        <Table.Tbody>
          <Table.Tr>
            <Table.Td w={120}>
              <Kbd>Ctrl K</Kbd>
            </Table.Td>
            <Table.Td>{t("Search, or jump to a host, session, id")}</Table.Td>
          </Table.Tr>
          {unique.map((entry) => (
            <Table.Tr key={entry.keys}>
              <Table.Td>
                <Group gap={4}>
                  {entry.keys.split(" ").map((key) => (
                    <Kbd key={key}>{key}</Kbd>
                  ))}
                </Group>
              </Table.Td>
              <Table.Td>{entry.label}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
